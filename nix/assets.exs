# Has Mast's assets built with the esbuild and tailwind of the distribution, named by MAST_ESBUILD
# and MAST_TAILWIND: `elixir -r assets.exs -S mix assets.deploy`, after `mix compile`.
#
# Not by `mix run`, which reads config/runtime.exs first: Mast's asks for its secrets there, and a
# build has none.

for {tool, variable} <- [esbuild: "MAST_ESBUILD", tailwind: "MAST_TAILWIND"] do
  # Persistent: loading the application later must not put its defaults back.
  Application.put_env(tool, :path, System.fetch_env!(variable), persistent: true)
  # The distribution's versions differ from the ones that Mast pins for its own downloads.
  Application.put_env(tool, :version_check, false, persistent: true)
end
