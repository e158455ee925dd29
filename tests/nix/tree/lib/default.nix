# The stand-in lib, with what the proof asks of a tree's lib in addition.
let
  lib = import ../../lib;
  inherit (builtins)
    compareVersions
    head
    stringLength
    substring
    tail
    ;
in
lib
// rec {
  inherit (builtins) all;
  # By the text, where the stand-in's takes a regular expression.
  splitString = separator: lib.splitString (builtins.replaceStrings [ "." ] [ "[.]" ] separator);
  hasInfix = part: text: builtins.replaceStrings [ part ] [ "" ] text != text;
  hasSuffix =
    end: text:
    stringLength text >= stringLength end
    && substring (stringLength text - stringLength end) (stringLength end) text == end;
  removePrefix =
    prefix: text: substring (stringLength prefix) (stringLength text - stringLength prefix) text;
  hasAttrByPath =
    path: set: path == [ ] || set ? ${head path} && hasAttrByPath (tail path) set.${head path};
  versionOlder = one: other: compareVersions one other < 0;
  versionAtLeast = one: other: compareVersions one other >= 0;
  trivial.release = "26.11";
}
