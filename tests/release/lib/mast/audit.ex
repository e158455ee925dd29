defmodule Mast.Audit do
  @moduledoc "Mast's log of what was done by whom: the one function for an event of its own."

  alias Mast.Repo

  def log(%{event_type: type, subject_type: subject, subject_id: id, metadata: %{}}) do
    sql = "INSERT INTO audit_events (action, subject) VALUES ($1, $2) RETURNING id"
    [[event]] = Repo.rows(sql, [type, "#{subject} #{id}"])
    {:ok, %{id: event}}
  end
end
