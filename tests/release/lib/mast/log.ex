defmodule Mast.Log do
  @moduledoc """
  Logging as JSON lines on stdout, which is where all of Mast's logging goes in production.

  An eval starts no application and so logs through `write/2` alone; the running server also makes this module
  the formatter of the runtime's own events, such as the report of a crashed process.
  """

  @spec write(:info | :error, String.t()) :: :ok
  def write(level, message), do: IO.write(line(level, message))

  @doc "Puts the runtime's log events into the same form."
  @spec install() :: :ok
  def install do
    :ok = :logger.update_handler_config(:default, :formatter, {__MODULE__, %{}})
  end

  @doc false
  # The callback of a formatter of OTP's logger. The plain formatter renders the event; here it becomes one line.
  def format(%{level: level} = event, _config) do
    message = :logger_formatter.format(event, %{single_line: true, template: [:msg]})
    line(level, IO.chardata_to_string(message))
  end

  defp line(level, message) do
    time = DateTime.to_iso8601(DateTime.utc_now())
    Mast.JSON.encode(time: time, severity: to_string(level), message: message) <> "\n"
  end
end
