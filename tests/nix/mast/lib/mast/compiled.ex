defmodule Mast.Compiled do
  @moduledoc "Compiled before the assets are built; says so."
  def compiled?, do: true
end
