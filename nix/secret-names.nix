# Whether a variable is a secret, to judge by its name: those that are known, and those that say so.
# What sounds like one and is none can stand in the environment file all the same.
{ lib }:
let
  matches = pattern: text: builtins.match pattern text != null;

  # As a word of its own, so that MONKEY is none; and what is secret as a part of a word, too.
  words = "PASS|PWD|KEYS?|APIKEY|COOKIE|SALT|DSN";
  parts = "SECRET|PASSW|PASSPHRASE|TOKEN|CREDENTIAL|PRIVATE";
in
name:
let
  upper = lib.toUpper name;
in
lib.elem name (import ./secret-variables.nix)
|| matches "(.*_)?(${words})(_.*)?" upper
|| matches ".*(${parts}).*" upper
