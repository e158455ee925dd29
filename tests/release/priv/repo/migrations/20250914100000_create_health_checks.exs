defmodule Mast.Repo.Migrations.CreateHealthChecks do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE health_checks (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        server_id uuid NOT NULL REFERENCES servers ON DELETE CASCADE,
        ok boolean NOT NULL,
        output text,
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE health_checks"]
end
