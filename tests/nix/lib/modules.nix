# The module system of the stand-in lib: options, definitions with conditions and priorities, and
# imports, as nixpkgs' lib/modules.nix understands them. Types are in types.nix.
lib:
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elem
    filter
    foldl'
    isAttrs
    isFunction
    isPath
    map
    mapAttrs
    ;

  showOption = concatStringsSep ".";

  # -- Properties --------------------------------------------------------------------------------

  override = priority: content: {
    _type = "override";
    inherit priority content;
  };
  order = priority: content: {
    _type = "order";
    inherit priority content;
  };
  plainPriority = 100;
  plainOrder = 1000;

  # The values of a definition whose conditions hold.
  discharge =
    value:
    if !isAttrs value then
      [ value ]
    else if value._type or null == "if" then
      if value.condition then discharge value.content else [ ]
    else if value._type or null == "merge" then
      concatMap discharge value.contents
    else
      [ value ];

  # The same for a set of definitions, without asking whether the conditions hold: they move down
  # to the single options, since the condition of one may depend on the value of another.
  pushDown =
    set:
    if set._type or null == "if" then
      map (mapAttrs (_: lib.mkIf set.condition)) (pushDown set.content)
    else if set._type or null == "merge" then
      concatMap pushDown set.contents
    else
      [ set ];

  # Of the definitions of one option, those with the highest priority, in their order.
  prevailing =
    values:
    let
      weighed = map (
        value:
        if value._type or null == "override" then
          value
        else
          {
            priority = plainPriority;
            content = value;
          }
      ) (concatMap discharge values);
      lower = lowest: each: if each.priority < lowest then each.priority else lowest;
      best = foldl' lower 9999 weighed;
      ordered = map (
        value:
        if value._type or null == "order" then
          value
        else
          {
            priority = plainOrder;
            content = value;
          }
      ) (map (each: each.content) (filter (each: each.priority == best) weighed));
    in
    map (each: each.content) (lib.sort (a: b: a.priority < b.priority) ordered);

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
      values = prevailing (default ++ definitions);
      merged =
        if values == [ ] && !(option.type ? emptyValue) then
          throw "The option `${showOption loc}' was accessed but has no value defined. Try setting the option."
        else
          mergeDefinitions loc option.type values;
    in
    if option.readOnly or false && definitions != [ ] then
      throw "The option `${showOption loc}' is read-only, but it's set multiple times."
    else
      (option.apply or (value: value)) merged;

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
                  inherit (result) options;
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
      config =
        evalTree prefix options definitions // lib.optionalAttrs (freeform != [ ]) free;
      result = {
        inherit options;
        config =
          if undeclared != [ ] && freeform == [ ] then
            throw "The option `${showOption (builtins.head undeclared)}' does not exist."
          else
            config;
      };
    in
    result;
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
  mkDefault = override 1000;
  mkForce = override 50;
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
