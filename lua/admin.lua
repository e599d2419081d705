local metrics = require "scoregate.metrics"
metrics.serve()
