defmodule Mast.Repo.Migrations.CreateDeployments do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE deployments (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        app_id uuid NOT NULL REFERENCES apps ON DELETE CASCADE,
        revision text NOT NULL,
        status text NOT NULL DEFAULT 'queued',
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE deployments"]
end
