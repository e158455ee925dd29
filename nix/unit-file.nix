# Reads a unit of systemd/, which Debian's package installs as it is: what the module's units have
# in common with it is written once. A set of sections; a directive that is there several times, or
# resets a list, has a list of values, in their order.
{ lib }:
file:
let
  fail = line: throw "${baseNameOf file}: cannot read '${line}'";

  add =
    read: line:
    let
      section = builtins.match "\\[([A-Za-z]+)]" line;
      directive = builtins.match "([A-Za-z]+)=(.*)" line;
      name = lib.head directive;
      before = read.sections.${read.current}.${name} or [ ];
    in
    if line == "" || lib.hasPrefix "#" line then
      read
    else if section != null then
      {
        current = lib.head section;
        sections = read.sections // {
          ${lib.head section} = { };
        };
      }
    # A line that goes on in the next would need more than this.
    else if read.current == null || directive == null || builtins.match ".*\\\\" line != null then
      fail line
    else
      read
      // {
        sections = read.sections // {
          ${read.current} = read.sections.${read.current} // {
            ${name} = before ++ [ (lib.elemAt directive 1) ];
          };
        };
      };

  all = builtins.foldl' add {
    current = null;
    sections = { };
  } (lib.splitString "\n" (builtins.readFile file));

  simple = values: if lib.length values == 1 then lib.head values else values;
in
lib.mapAttrs (_: lib.mapAttrs (_: simple)) all.sections
