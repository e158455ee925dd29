# The option types of the stand-in lib: what a value has to look like, and how several definitions
# become one. Descriptions are worded as in nixpkgs, for they are part of its error messages.
lib: modules:
let
  inherit (builtins)
    all
    attrNames
    concatMap
    concatStringsSep
    elem
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isPath
    isString
    length
    listToAttrs
    map
    mapAttrs
    ;

  one =
    loc: values:
    if all (value: value == head values) values then
      head values
    else
      throw "The option `${concatStringsSep "." loc}' has conflicting definition values.";

  simple = description: check: {
    inherit description check;
    merge = one;
  };

  isPathLike =
    value:
    isPath value
    || (isString value || lib.isDerivation value) && lib.hasPrefix "/" (toString value);

  types = {
    bool = simple "boolean" isBool;
    int = simple "signed integer" isInt;
    str = simple "string" isString;
    nonEmptyStr = simple "non-empty string" (
      value: isString value && builtins.match "[[:space:]]*" value == null
    );
    path = simple "absolute path" isPathLike;
    package = simple "package" lib.isDerivation;
    port = simple "16 bit unsigned integer; between 0 and 65535 (both inclusive)" (
      value: isInt value && value >= 0 && value <= 65535
    );
    ints.positive = simple "positive integer, meaning >0" (value: isInt value && value > 0);
    lines = {
      description = "strings concatenated with \"\\n\"";
      check = isString;
      merge = _: concatStringsSep "\n";
    };
    raw = simple "raw value" (_: true);

    nullOr = type: {
      description = "null or ${type.description}";
      check = value: value == null || type.check value;
      merge =
        loc: values: if all (value: value == null) values then null else type.merge loc values;
    };

    either = first: second: {
      description = "${first.description} or ${second.description}";
      check = value: first.check value || second.check value;
      merge =
        loc: values:
        if all first.check values then
          first.merge loc values
        else if all second.check values then
          second.merge loc values
        else
          one loc values;
    };
    oneOf = list: builtins.foldl' types.either (head list) (builtins.tail list);

    listOf = type: {
      description = "list of ${type.description}";
      check = isList;
      emptyValue = [ ];
      merge =
        loc: values:
        map (value: modules.mergeDefinitions (loc ++ [ "*" ]) type [ value ]) (
          concatMap (list: concatMap (value: modules.prevailing [ value ]) list) values
        );
    };

    attrsOf = type: {
      description = "attribute set of ${type.description}";
      check = isAttrs;
      emptyValue = { };
      merge =
        loc: values:
        let
          given = name: concatMap (set: lib.optional (set ? ${name}) set.${name}) values;
          found = listToAttrs (
            map (name: {
              inherit name;
              value = modules.prevailing (given name);
            }) (lib.unique (concatMap attrNames values))
          );
        in
        mapAttrs (name: modules.mergeDefinitions (loc ++ [ name ]) type) (
          lib.filterAttrs (_: defined: defined != [ ]) found
        );
    };

    submodule = module: {
      description = "submodule";
      check = value: isAttrs value || isFunction value || isPath value;
      emptyValue = { };
      merge =
        loc: values:
        (modules.evalModules {
          prefix = loc;
          specialArgs.name = builtins.elemAt loc (length loc - 1);
          modules = [
            module
          ]
          ++ map (value: if isAttrs value then { config = value; } else value) values;
        }).config;
    };

    enum = choices: simple "one of ${builtins.toJSON choices}" (value: elem value choices);
  };
in
types
