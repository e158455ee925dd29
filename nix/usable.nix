# Whether a set of packages has one that can be built: it is there, no alias that throws, and not
# marked as broken.
packages: name:
let
  found = builtins.tryEval (packages.${name}.drvPath or null);
in
found.success && found.value != null
