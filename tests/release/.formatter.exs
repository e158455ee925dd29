[inputs: ["*.exs", "config/*.exs", "lib/**/*.ex", "priv/**/*.exs"], line_length: 110]
