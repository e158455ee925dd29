defmodule Mast.Repo.Migrations.CreateUsers do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE users (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        email citext NOT NULL UNIQUE,
        hashed_password text NOT NULL,
        confirmed_at timestamp(0),
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE users"]
end
