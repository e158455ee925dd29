defmodule Mast.MixProject do
  @moduledoc """
  The reference Mast as a mix project: it has Mast's application name, version and release layout, and no Hex
  dependency. `p1_pgsql` is the one library from outside; it comes from the distribution and is copied into
  the release, together with the Erlang runtime, so that the release runs where no Erlang is installed.
  """
  use Mix.Project

  def project do
    [
      app: :mast,
      version: "0.5.0",
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      elixirc_options: [warnings_as_errors: true],
      deps: []
    ]
  end

  def application do
    [
      mod: {Mast.Application, []},
      extra_applications: [:crypto, :ssh, :ssl, :p1_pgsql]
    ]
  end
end
