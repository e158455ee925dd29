defmodule Mast.Application do
  @moduledoc "What runs under `bin/mast start`: the database connection and, with PHX_SERVER, the listener."
  use Application

  @impl true
  def start(_type, _args) do
    Mast.Log.install()
    Supervisor.start_link([Mast.Repo.Watch | listener()], strategy: :one_for_one, name: Mast.Supervisor)
  end

  defp listener do
    if Application.fetch_env!(:mast, :server) do
      [{Mast.Listener, Application.fetch_env!(:mast, :port)}]
    else
      []
    end
  end
end
