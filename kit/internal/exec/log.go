package exec

import "log/slog"

// Log is the blocks' default OnError. Their errors begin with their names.
func Log(err error) { slog.Warn("redis trouble", "error", err) }
