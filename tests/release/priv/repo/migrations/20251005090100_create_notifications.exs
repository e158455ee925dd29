defmodule Mast.Repo.Migrations.CreateNotifications do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE notifications (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        channel_id uuid NOT NULL REFERENCES channels ON DELETE CASCADE,
        subject text NOT NULL,
        sent_at timestamp(0),
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE notifications"]
end
