defmodule Mast.Repo.Migrations.CreateDeploymentLogs do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE deployment_logs (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        deployment_id uuid NOT NULL REFERENCES deployments ON DELETE CASCADE,
        line text NOT NULL,
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE deployment_logs"]
end
