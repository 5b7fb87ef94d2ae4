# As much of NixOS as a module with one service needs: options with types, `mkIf`, `mkDefault`, and of
# the options of NixOS itself those that such a module may define. A module is an error here if it
# declares an option without what NixOS' manual needs of it, gives one a value of another type, or
# defines one that NixOS does not have.
{ pkgs }:

let
  type = name: check: { inherit name check; };
  types = {
    bool = type "bool" builtins.isBool;
    str = type "str" builtins.isString;
    port = type "port" (value: builtins.isInt value && value > 0 && value < 65536);
    package = type "package" (value: value.type or "" == "derivation");
    listOf =
      of: type "list of ${of.name}" (value: builtins.isList value && builtins.all of.check value);
  };
  strings = types.listOf types.str;
  # What a line of a unit can be made from.
  setting = type "setting" (
    value: builtins.isBool value || builtins.isString value || strings.check value
  );
  each = tree: { _each = tree; };

  lib = pkgs.lib // {
    inherit types;
    mkOption =
      {
        type,
        default,
        defaultText ? null,
        description,
      }@option:
      assert builtins.isString description;
      assert type.check default;
      option // { _type = "option"; };
    mkEnableOption =
      name:
      lib.mkOption {
        type = types.bool;
        default = false;
        description = "Whether to enable ${name}.";
      };
    mkIf = condition: content: {
      _type = "if";
      inherit condition content;
    };
    mkDefault = content: {
      _type = "override";
      inherit content;
    };
    literalExpression = text: {
      _type = "literalExpression";
      inherit text;
    };
  };

  # systemd.exec(5), systemd.service(5)
  directives = builtins.listToAttrs (
    map
      (name: {
        inherit name;
        value = setting;
      })
      [
        "AmbientCapabilities"
        "CacheDirectory"
        "CapabilityBoundingSet"
        "DynamicUser"
        "ExecStart"
        "LogsDirectory"
        "NoNewPrivileges"
        "PrivateTmp"
        "ProtectHome"
        "ProtectSystem"
        "RestrictAddressFamilies"
        "RuntimeDirectory"
        "StateDirectory"
        "SupplementaryGroups"
        "WorkingDirectory"
      ]
  );
  enable.enable = types.bool;
  nixos = {
    systemd.services = each {
      description = types.str;
      wantedBy = strings;
      after = strings;
      wants = strings;
      environment = each types.str;
      serviceConfig = directives;
    };
    networking.firewall = {
      allowedTCPPorts = types.listOf types.port;
      allowedUDPPorts = types.listOf types.port;
    };
    virtualisation.docker = enable;
    services = {
      avahi = enable;
      etcd = enable;
      memcached = enable;
      mongodb = enable;
      mosquitto = enable;
      mysql = enable // {
        package = types.package;
      };
      nats = enable;
      postgresql = enable;
      rabbitmq = enable;
      redis.servers = each enable;
    };
  };

  # The value without what the module system takes off it, if it is of the expected form.
  conform =
    path: expected: value:
    let
      kind = value._type or null;
      name = builtins.concatStringsSep "." path;
    in
    if kind == "if" then
      if value.condition then conform path expected value.content else { }
    else if kind == "override" then
      conform path expected value.content
    else if expected ? check then
      if expected.check value then value else throw "${name} is no ${expected.name}"
    else
      builtins.mapAttrs (
        below:
        conform (path ++ [ below ]) (
          expected._each or expected.${below} or (throw "NixOS has no option ${name}.${below}")
        )
      ) value;
in
{
  # What the module defines when its options are set so.
  evaluate =
    module: settings:
    let
      result = module {
        inherit lib pkgs;
        config.services = values;
        utils.escapeSystemdExecArgs =
          words:
          assert strings.check words;
          toString words;
      };
      value =
        name: option:
        let
          set = settings.${name} or option.default;
        in
        assert option._type == "option";
        if option.type.check set then set else throw "${name} is no ${option.type.name}";
      values = builtins.mapAttrs (_: builtins.mapAttrs value) result.options.services;
    in
    conform [ ] nixos result.config;
}
