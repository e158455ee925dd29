defmodule Mast.Repo.Migrations.CreateUserTokens do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE user_tokens (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        token bytea NOT NULL,
        context text NOT NULL,
        UNIQUE (context, token),
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE user_tokens"]
end
