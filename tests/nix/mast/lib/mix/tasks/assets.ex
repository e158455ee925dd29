defmodule Mast.AssetTask do
  @moduledoc "What esbuild's and tailwind's Mix tasks have in common: they run the configured program."

  def run(tool, arguments) do
    if Application.get_env(tool, :version_check, true), do: raise("#{tool}: checks its version")
    if not Mast.Compiled.compiled?(), do: raise("#{tool}: the application is not compiled")
    program = Application.get_env(tool, :path) || raise("#{tool}: would download its program")
    {_, 0} = System.cmd(program, arguments, into: IO.stream())
  end
end

defmodule Mix.Tasks.Esbuild do
  @moduledoc false
  use Mix.Task
  def run(arguments), do: Mast.AssetTask.run(:esbuild, arguments)
end

defmodule Mix.Tasks.Tailwind do
  @moduledoc false
  use Mix.Task
  def run(arguments), do: Mast.AssetTask.run(:tailwind, arguments)
end

defmodule Mix.Tasks.Phx.Digest do
  @moduledoc false
  use Mix.Task
  def run(_), do: IO.puts("digest")
end
