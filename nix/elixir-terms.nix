# Reads Elixir's literal syntax, as far as lock files use it: maps, tuples, lists, keyword pairs,
# strings, atoms, integers, booleans and comments. What the terms mean is left to mix-lock.nix.
#
# Tuples and atoms have no counterpart in Nix: they become { tuple = [ … ]; } and
# { atom = "…"; }; a keyword pair becomes { key = "…"; value = …; }.
#
# `source` names the text in error messages.
{ source }:
let
  inherit (builtins)
    elemAt
    filter
    fromJSON
    head
    isList
    isString
    length
    listToAttrs
    map
    match
    replaceStrings
    split
    stringLength
    substring
    ;

  fail = message: throw "${source}: ${message}";

  token = builtins.concatStringsSep "|" [
    "#[^\n]*"
    '':?"([^"\\]|\\.)*":?''
    ":?[A-Za-z_][A-Za-z0-9_@.]*[?!]?:?"
    "[0-9]+"
    "=>"
    "%[{]"
    "[][{},]"
  ];

  # What lies between two tokens may only be blank.
  tokenize =
    text:
    let
      check =
        part:
        if isList part then
          head part
        else if match "[[:space:]]*" part != null then
          null
        else
          fail "cannot read '${head (match "[[:space:]]*(.*)" part)}'";
    in
    filter (t: t != null && substring 0 1 t != "#") (map check (split "(${token})" text));

  dropFirst = text: substring 1 (stringLength text - 1) text;
  dropLast = text: substring 0 (stringLength text - 1) text;

  # Lock files escape nothing but quotes and backslashes.
  unquote = literal: replaceStrings [ ''\"'' "\\\\" ] [ ''"'' "\\" ] (dropFirst (dropLast literal));
  bare = name: if substring 0 1 name == ''"'' then unquote name else name;

  isKey = t: match ''([A-Za-z_].*|".*"):'' t != null;

  # A map's keys become names, whether they are strings or atoms.
  entry =
    pair:
    if pair ? key then
      {
        name = if isString pair.key then pair.key else pair.key.atom or (fail "a key is no name");
        inherit (pair) value;
      }
    else
      fail "an entry has no name";

  parse =
    text:
    let
      tokens = tokenize text;
      at =
        i:
        if i < length tokens then
          elemAt tokens i
        else
          fail "the file ends in the middle of an entry";

      # Each parser takes a position and returns { value; next; }.
      term =
        i:
        let
          t = at i;
          first = substring 0 1 t;
          simple = value: {
            inherit value;
            next = i + 1;
          };
          bracket =
            close: convert:
            let
              found = items (i + 1) [ ] close;
            in
            {
              value = convert found.value;
              inherit (found) next;
            };
        in
        if t == "%{" then
          bracket "}" (found: listToAttrs (map entry found))
        else if t == "{" then
          bracket "}" (tuple: { inherit tuple; })
        else if t == "[" then
          bracket "]" (found: found)
        else if t == "nil" then
          simple null
        else if t == "true" || t == "false" || match "[0-9]+" t != null then
          simple (fromJSON t)
        else if first == ''"'' && !isKey t then
          simple (unquote t)
        else if first == ":" && stringLength t > 1 then
          simple { atom = bare (dropFirst t); }
        else
          fail "a value was expected, not '${t}'";

      item =
        i:
        let
          keyed = term (i + 1);
          plain = term i;
          mapped = term (plain.next + 1);
        in
        if isKey (at i) then
          {
            value = {
              key = bare (dropLast (at i));
              inherit (keyed) value;
            };
            inherit (keyed) next;
          }
        # The arrow of Elixir's general map syntax.
        else if at plain.next == "=>" then
          {
            value = {
              key = plain.value;
              inherit (mapped) value;
            };
            inherit (mapped) next;
          }
        else
          plain;

      items =
        i: done: close:
        let
          one = item i;
        in
        if at i == close then
          {
            value = done;
            next = i + 1;
          }
        else if at one.next == "," then
          items (one.next + 1) (done ++ [ one.value ]) close
        else if at one.next == close then
          {
            value = done ++ [ one.value ];
            next = one.next + 1;
          }
        else
          fail "a comma was expected, not '${at one.next}'";

      whole = term 0;
    in
    if tokens == [ ] then
      fail "it is empty"
    else if whole.next != length tokens then
      fail "something follows the last term: '${at whole.next}'"
    else
      whole.value;
in
parse
