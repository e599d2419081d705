require("scoregate.gateway").access()
