# Whether a variable is a secret, to judge by its name: those that are known, and those that say so.
# What sounds like one and is none can stand in the environment file all the same.
{ lib }:
let
  matches = pattern: text: builtins.match pattern text != null;

  # As a word of its own, so that MONKEY is none; as the last word; and as a part of any word. The
  # same as in agent/mast_agent/text/redact.py.
  words = "PASS|PASSCODE|PWD|PW|KEYS?|APIKEY|COOKIE|SALT|DSN|JWT|CREDS";
  ends = "AUTH|AUTHORIZATION";
  parts = "SECRET|PASSW|PASSPHRASE|TOKEN|CREDENTIAL|PRIVATE|BEARER|WEBHOOK";
in
name:
let
  upper = lib.toUpper name;
in
lib.elem name (import ./secret-variables.nix)
|| matches "(.*_)?(${words})(_.*)?" upper
|| matches "(.*_)?(${ends})" upper
|| matches ".*(${parts}).*" upper
