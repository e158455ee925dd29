defmodule Mast.Switches do
  @moduledoc """
  The ways in which a test makes the reference Mast slow, wrong or broken: variables MAST_REFERENCE_*, listed in
  the README. Mast itself has none of them, and without them nothing here does anything.
  """

  @doc "The name of this host: MAST_REFERENCE_HOSTNAME, else the first label of the real one."
  @spec hostname() :: String.t()
  def hostname do
    System.get_env("MAST_REFERENCE_HOSTNAME") || first_label(:inet.gethostname())
  end

  @doc "Seconds that the slow migration sleeps within its transaction."
  @spec migration_sleep() :: float
  def migration_sleep, do: seconds("MIGRATION_SLEEP")

  @doc "Milliseconds for which a connection may be checked out where nothing else is said."
  @spec checkout_timeout() :: pos_integer
  def checkout_timeout, do: round(seconds("CHECKOUT_SECONDS", "15") * 1000)

  @doc "Seconds between two checks of the servers: MAST_REFERENCE_CHECK_SECONDS, else Mast's own 30."
  @spec check_interval() :: float
  def check_interval, do: seconds("CHECK_SECONDS", "30")

  @doc "Appends a line for this call to MAST_REFERENCE_EVAL_LOG, so that a test can count the evals."
  @spec count_eval() :: :ok
  def count_eval do
    if path = System.get_env("MAST_REFERENCE_EVAL_LOG") do
      # One short write in append mode: lines of evals that run at the same time stay whole.
      File.write!(path, "#{System.pid()} #{System.os_time(:millisecond)}\n", [:append])
    end

    :ok
  end

  @doc """
  Puts the bytes of the file MAST_REFERENCE_OUTPUT on stdout exactly as they are.

  The runtime's own stdout re-encodes what is not UTF-8 and holds all of it in memory, so `cat` writes on the
  inherited descriptor instead.
  """
  @spec replay_output() :: :ok
  def replay_output do
    if path = System.get_env("MAST_REFERENCE_OUTPUT") do
      cat = System.find_executable("cat")
      port = Port.open({:spawn_executable, cat}, [:nouse_stdio, :exit_status, args: [path]])

      receive do
        {^port, {:exit_status, 0}} -> :ok
        {^port, {:exit_status, status}} -> raise "cat #{path} exited with #{status}"
      end
    end

    :ok
  end

  @spec sleep_before_enrolling() :: :ok
  def sleep_before_enrolling, do: sleep("EVAL_SLEEP")

  @spec sleep_after_insert() :: :ok
  def sleep_after_insert, do: sleep("AFTER_INSERT_SLEEP")

  @doc "What enrolling does instead of enrolling: MAST_REFERENCE_ENROLL."
  @spec enroll() :: :enroll | :nothing | :phantom | :raise | :halt
  def enroll do
    case System.get_env("MAST_REFERENCE_ENROLL", "") do
      "" -> :enroll
      "nothing" -> :nothing
      "phantom" -> :phantom
      "raise" -> :raise
      "halt" -> :halt
      other -> raise "MAST_REFERENCE_ENROLL=#{other} is not known"
    end
  end

  @doc "Whether the last line is the contract's JSON; not with MAST_REFERENCE_JSON=0."
  @spec json?() :: boolean
  def json?, do: System.get_env("MAST_REFERENCE_JSON") != "0"

  defp sleep(name), do: Process.sleep(round(seconds(name) * 1000))

  defp seconds(name, default \\ "0") do
    {value, ""} = Float.parse(System.get_env("MAST_REFERENCE_" <> name, default))
    value
  end

  defp first_label({:ok, name}), do: name |> to_string() |> String.split(".") |> hd()
end
