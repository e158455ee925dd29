# A small stand-in for nixpkgs' lib: what the Nix files of this repository use and no more, so that
# they can be evaluated on a machine without nixpkgs. Where NIXPKGS_LIB names the real one, every
# test runs with that as well, which keeps this one honest.
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elem
    filter
    foldl'
    genList
    head
    listToAttrs
    map
    replaceStrings
    stringLength
    substring
    ;

  modules = import ./modules.nix lib;

  lib = {
    inherit (builtins)
      any
      attrNames
      concatMap
      concatStringsSep
      elem
      elemAt
      filter
      head
      isString
      length
      listToAttrs
      mapAttrs
      ;
    inherit (modules)
      evalModules
      mkAfter
      mkDefault
      mkEnableOption
      mkForce
      mkIf
      mkMerge
      mkOption
      mkOrder
      mkOverride
      mkPackageOption
      ;
    types = import ./types.nix lib modules;

    boolToString = value: if value then "true" else "false";
    concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
    escapeShellArg =
      value:
      if builtins.match "[[:alnum:],._+:@%/-]+" (toString value) != null then
        toString value
      else
        "'${replaceStrings [ "'" ] [ "'\\''" ] (toString value)}'";
    escapeShellArgs = list: concatStringsSep " " (map lib.escapeShellArg list);
    filterAttrs =
      keep: set:
      listToAttrs (
        concatMap (
          name:
          if keep name set.${name} then
            [
              {
                inherit name;
                value = set.${name};
              }
            ]
          else
            [ ]
        ) (attrNames set)
      );
    flatten = value: if builtins.isList value then concatMap lib.flatten value else [ value ];
    getExe = package: "${package}/bin/${package.meta.mainProgram}";
    hasInfix = infix: text: builtins.length (builtins.split (lib.escapeRegex infix) text) > 1;
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    intersectLists = one: filter (each: elem each one);
    isDerivation = value: value.type or null == "derivation";
    literalExpression = text: {
      _type = "literalExpression";
      inherit text;
    };
    makeBinPath = packages: lib.concatMapStringsSep ":" (package: "${package}/bin") packages;
    makeSearchPathOutput =
      _: folder: packages:
      lib.concatMapStringsSep ":" (package: "${package}/${folder}") packages;
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    optional = condition: value: if condition then [ value ] else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";
    optionals = condition: list: if condition then list else [ ];
    removePrefix =
      prefix: text:
      if lib.hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
    sort = builtins.sort;
    splitString = separator: text: filter builtins.isString (builtins.split separator text);
    strings.replicate = times: text: concatStringsSep "" (genList (_: text) times);
    subtractLists = gone: filter (each: !(elem each gone));
    toUpper = replaceStrings (lib.splitCharacters "abcdefghijklmnopqrstuvwxyz") (
      lib.splitCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    );
    splitCharacters = text: genList (i: substring i 1 text) (stringLength text);
    warn = message: builtins.trace "evaluation warning: ${message}";
    unique = foldl' (found: each: if elem each found then found else found ++ [ each ]) [ ];

    escapeRegex =
      let
        special = [ "\\" "^" "$" "." "|" "?" "*" "+" "(" ")" "[" "]" "{" "}" ];
      in
      replaceStrings special (map (each: "\\${each}") special);
    # What wins where two packages have the same file.
    hiPrio = package: package // { meta = package.meta // { priority = -10; }; };

    fileset = {
      unions = sets: sets;
      toSource = { root, fileset }: { inherit root fileset; };
    };
    licenses.mit = {
      spdxId = "MIT";
      free = true;
    };
    platforms.linux = [
      "x86_64-linux"
      "aarch64-linux"
    ];
    sourceTypes.fromSource.isSource = true;
  };
in
lib
