defmodule Mast.Repo.URL do
  @moduledoc """
  Reads DATABASE_URL with Ecto's meaning: scheme ignored, parts percent-decoded, a query whose keys become options
  (so that `socket_dir` leads to a Unix socket), and refusals that show the whole URL. It connects to nothing.
  """

  @numbers ~w(pool_size port timeout queue_target queue_interval)

  @doc """
  The options of a URL; an empty one has none. Where the URL and its query both give an option, the URL's own
  part comes first in the list and wins.
  """
  @spec parse(String.t()) :: keyword
  def parse(""), do: []

  def parse(url) do
    uri = URI.parse(url)
    if uri.host in [nil, ""], do: refuse(url, "host is not present")
    if !uri.path or !(uri.path =~ ~r"^/([^/])+$"), do: refuse(url, "path should be a database name")

    destructure [username, password], uri.userinfo && String.split(uri.userinfo, ":")
    "/" <> database = uri.path

    parts = [
      username: username && URI.decode(username),
      password: password && URI.decode(password),
      hostname: URI.decode(uri.host),
      port: uri.port,
      database: URI.decode(database)
    ]

    Enum.reject(parts, fn {_, value} -> is_nil(value) end) ++ query(url, uri.query || "")
  end

  defp query(url, query) do
    for {key, value} <- URI.query_decoder(query) do
      {String.to_atom(key), option(url, key, value)}
    end
  end

  defp option(_url, _key, "true"), do: true
  defp option(_url, _key, "false"), do: false

  defp option(url, key, value) when key in @numbers do
    case Integer.parse(value) do
      {number, ""} -> number
      _ -> refuse(url, "can not parse value `#{value}` for parameter `#{key}` as an integer")
    end
  end

  defp option(_url, _key, value), do: value

  @spec refuse(String.t(), String.t()) :: no_return
  defp refuse(url, message), do: raise(Ecto.InvalidURLError, url: url, message: message)
end
