defmodule Mast.JSON do
  @moduledoc """
  Writes JSON, as much of it as a log line and the contract's line need: objects from keyword lists (so that
  members keep their order), strings, integers, booleans and nil. It reads none.
  """

  @type value :: nil | boolean | integer | String.t() | [{atom, value}]

  @spec encode(value) :: String.t()
  def encode(members) when is_list(members) do
    "{" <> Enum.map_join(members, ",", fn {key, value} -> "#{encode("#{key}")}:#{encode(value)}" end) <> "}"
  end

  def encode(nil), do: "null"
  def encode(value) when is_boolean(value) or is_integer(value), do: to_string(value)

  def encode(text) when is_binary(text) do
    # PostgreSQL sends the messages of a failed connection in the server's own encoding, which may be any.
    text = if String.valid?(text), do: text, else: :unicode.characters_to_binary(text, :latin1)
    "\"" <> for(<<char::utf8 <- text>>, into: "", do: escape(char)) <> "\""
  end

  defp escape(?"), do: "\\\""
  defp escape(?\\), do: "\\\\"
  defp escape(?\n), do: "\\n"

  defp escape(char) when char < 0x20 or char == 0x7F do
    "\\u" <> String.pad_leading(Integer.to_string(char, 16), 4, "0")
  end

  defp escape(char), do: <<char::utf8>>
end
