# The module system of the stand-in lib: options, definitions and imports, as nixpkgs'
# lib/modules.nix understands them. Conditions and priorities are in properties.nix, types in
# types.nix.
lib:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elem
    filter
    foldl'
    isFunction
    isPath
    map
    mapAttrs
    ;

  showOption = concatStringsSep ".";

  inherit (import ./properties.nix lib)
    order
    override
    prevailing
    pushDown
    weigh
    ;

  # -- One option --------------------------------------------------------------------------------

  describe = value: builtins.toJSON (if isFunction value then "<function>" else value);

  mergeDefinitions =
    loc: type: values:
    let
      wrong = filter (value: !type.check value) values;
    in
    if wrong != [ ] then
      throw "A definition for option `${showOption loc}' is not of type `${type.description}'. Definition values: ${describe (builtins.head wrong)}"
    else
      type.merge loc values;

  evalOption =
    loc: option: definitions:
    let
      default = lib.optional (option ? default) (override 1500 option.default);
      all = default ++ definitions;
      values = prevailing all;
      merged =
        if values == [ ] && !(option.type ? emptyValue) then
          throw "The option `${showOption loc}' was accessed but has no value defined. Try setting the option."
        else
          mergeDefinitions loc option.type values;
    in
    option
    // {
      highestPrio = (weigh all).best;
      value =
        if option.readOnly or false && definitions != [ ] then
          throw "The option `${showOption loc}' is read-only, but it's set multiple times."
        else
          (option.apply or (value: value)) merged;
    };

  # -- The tree ----------------------------------------------------------------------------------

  isOption = value: value._type or null == "option";

  mergeOptions =
    loc: a: b:
    if isOption a || isOption b then
      throw "The option `${showOption loc}' is already declared."
    else
      a
      // mapAttrs (
        name: value: if a ? ${name} then mergeOptions (loc ++ [ name ]) a.${name} value else value
      ) b;

  evalTree =
    loc: options: definitions:
    mapAttrs (
      name: option:
      let
        here = concatMap (set: lib.optional (set ? ${name}) set.${name}) (
          concatMap pushDown definitions
        );
        loc' = loc ++ [ name ];
      in
      if isOption option then evalOption loc' option here else evalTree loc' option here
    ) options;

  valuesOf = mapAttrs (_: option: if isOption option then option.value else valuesOf option);

  # The attribute paths that are defined but not declared.
  unknown =
    loc: options: definitions:
    concatMap (
      set:
      concatMap (
        name:
        let
          loc' = loc ++ [ name ];
        in
        if !(options ? ${name}) then
          [ loc' ]
        else if isOption options.${name} then
          [ ]
        else
          unknown loc' options.${name} [ set.${name} ]
      ) (attrNames set)
    ) (concatMap pushDown definitions);

  evalModules =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
    }:
    let
      load =
        module:
        let
          read = if isPath module || builtins.isString module then import module else module;
          applied =
            if isFunction read then
              read (
                {
                  inherit lib config;
                  options = evaluated;
                }
                // specialArgs
              )
            else
              read;
          spelledOut = applied ? options || applied ? config;
        in
        [
          {
            options = applied.options or { };
            config =
              if spelledOut then
                applied.config or { }
              else
                removeAttrs applied [
                  "imports"
                  "freeformType"
                ];
            freeformType = applied.freeformType or applied.config._module.freeformType or null;
          }
        ]
        ++ concatMap load (applied.imports or [ ]);

      loaded = concatMap load modules;
      options = foldl' (mergeOptions prefix) { } (map (module: module.options) loaded);
      definitions = map (module: module.config) loaded;
      freeform = filter (type: type != null) (map (module: module.freeformType) loaded);
      undeclared = unknown prefix options definitions;
      freeNames = map (loc: builtins.elemAt loc (builtins.length prefix)) undeclared;
      free =
        (builtins.head freeform).merge prefix (
          map (lib.filterAttrs (name: _: elem name freeNames)) (concatMap pushDown definitions)
        );
      evaluated = evalTree prefix options definitions;
      config = valuesOf evaluated // lib.optionalAttrs (freeform != [ ]) free;
    in
    {
      options = evaluated;
      config =
        if undeclared != [ ] && freeform == [ ] then
          throw "The option `${showOption (builtins.head undeclared)}' does not exist."
        else
          config;
    };
in
{
  inherit evalModules mergeDefinitions prevailing;

  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = override;
  mkDefault = override 1000;
  mkForce = override 50;
  mkOrder = order;
  mkAfter = order 1500;

  mkOption = option: option // { _type = "option"; };
  mkEnableOption =
    what:
    lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether to enable ${what}.";
    };
  mkPackageOption =
    pkgs: name: _:
    lib.mkOption {
      type = lib.types.package;
      default = pkgs.${name};
      description = "The ${name} package to use.";
    };
}
