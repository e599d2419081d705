local gateway = require "scoregate.gateway"
gateway.access()
