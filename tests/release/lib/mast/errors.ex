# The exceptions that Mast's libraries raise, under the names that appear in its output. Whoever reads the output
# of an eval knows a failure by these names, so the names and the shape of the messages are what is imitated.

defmodule DBConnection.ConnectionError do
  @moduledoc "The connection is gone, or was never there. Says why only where a socket said it."
  defexception [:message]
end

defmodule Ecto.InvalidURLError do
  @moduledoc "DATABASE_URL is no URL that Ecto takes. The message shows it whole, password included, as Ecto's does."
  defexception [:message]

  @impl true
  def exception(opts) do
    url = Keyword.fetch!(opts, :url)
    reason = Keyword.fetch!(opts, :message)
    %__MODULE__{message: "invalid URL #{url}, #{reason}. The parsed URL is: #{inspect(URI.parse(url))}"}
  end
end

defmodule Postgrex.Error do
  @moduledoc "An ErrorResponse of the server, with its SQLSTATE and, where it is known here, the condition's name."
  defexception [:severity, :code, :text]

  # The conditions that tests provoke; any other SQLSTATE is shown without a name.
  @names %{
    "23505" => "unique_violation",
    "25006" => "read_only_sql_transaction",
    "28000" => "invalid_authorization_specification",
    "28P01" => "invalid_password",
    "3D000" => "invalid_catalog_name",
    "42501" => "insufficient_privilege",
    "42P01" => "undefined_table",
    "53300" => "too_many_connections",
    "55P03" => "lock_not_available",
    "57P01" => "admin_shutdown",
    "57P03" => "cannot_connect_now"
  }

  @impl true
  def message(%__MODULE__{severity: severity, code: code, text: text}) do
    name = if named = @names[code], do: " (#{named})", else: ""
    "#{severity} #{code}#{name} #{text}"
  end
end
