defmodule Mast.Repo.Migrations.CreateAuditEvents do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE audit_events (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid REFERENCES users ON DELETE SET NULL,
        action text NOT NULL,
        subject text,
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE audit_events"]
end
