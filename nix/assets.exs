# Builds Mast's assets with the esbuild and tailwind of the distribution, named by MAST_ESBUILD and
# MAST_TAILWIND: `mix run --no-deps-check --no-compile --no-start assets.exs`, after `mix compile`.

for {tool, variable} <- [esbuild: "MAST_ESBUILD", tailwind: "MAST_TAILWIND"] do
  # Persistent: loading the application later must not put its defaults back.
  Application.put_env(tool, :path, System.fetch_env!(variable), persistent: true)
  # The distribution's versions differ from the ones that Mast pins for its own downloads.
  Application.put_env(tool, :version_check, false, persistent: true)
end

Mix.Task.run("assets.deploy")
