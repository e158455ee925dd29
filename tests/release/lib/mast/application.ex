defmodule Mast.Application do
  @moduledoc "What runs under `bin/mast start`: the database connection, the check and, with PHX_SERVER, the listener."
  use Application

  @impl true
  def start(_type, _args) do
    Mast.Log.install()
    children = [Mast.Vault, Mast.Repo.Watch, Mast.ConnectionCheck | listener()]
    Supervisor.start_link(children, strategy: :one_for_one, name: Mast.Supervisor)
  end

  defp listener do
    if Application.fetch_env!(:mast, :server) do
      [{Mast.Listener, Application.fetch_env!(:mast, :port)}]
    else
      []
    end
  end
end
