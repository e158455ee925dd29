# What the stand-in lib makes of mkIf, mkMerge, mkOverride and mkOrder: which definitions of an
# option prevail, and in what order.
lib:
let
  inherit (builtins)
    concatMap
    filter
    foldl'
    isAttrs
    map
    mapAttrs
    ;

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
in
rec {
  override = priority: content: {
    _type = "override";
    inherit priority content;
  };
  order = priority: content: {
    _type = "order";
    inherit priority content;
  };

  # A set of definitions without its conditions, and without asking whether they hold: they move
  # down to the single options, since the condition of one may depend on the value of another.
  pushDown =
    set:
    if set._type or null == "if" then
      map (mapAttrs (_: lib.mkIf set.condition)) (pushDown set.content)
    else if set._type or null == "merge" then
      concatMap pushDown set.contents
    else
      [ set ];

  # The definitions of one option with their priorities, and the best of these: the lowest figure.
  weigh =
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
    in
    {
      inherit weighed;
      best = foldl' lower 9999 weighed;
    };

  # Of the definitions of one option, those with the highest priority, in their order.
  prevailing =
    values:
    let
      inherit (weigh values) weighed best;
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
}
