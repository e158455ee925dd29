# A miniature of Mast's source, for the Nix package: what its phases read, and a build of assets
# that fails where the real one would.
defmodule Mast.MixProject do
  use Mix.Project

  def project do
    [
      app: :mast,
      version: "0.5.0",
      elixir: "~> 1.14",
      aliases: ["assets.deploy": ["tailwind mast --minify", "esbuild mast --minify", "phx.digest"]]
    ]
  end

  def application, do: [extra_applications: [:logger]]
end
