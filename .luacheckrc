std = "ngx_lua"
max_line_length = 120
exclude_files = { "node_modules", "run" }
files["test/lua"] = { std = "ngx_lua+busted" }
