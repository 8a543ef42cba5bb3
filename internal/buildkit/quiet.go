package buildkit

import (
	"context"
	"io"
	stdlog "log"
	"log/slog"
	"maps"
	"slices"

	"github.com/sirupsen/logrus"
)

// QuietLogrus sends what BuildKit's client writes with logrus, and net/http2 with
// the standard library's logger, to log at debug level. Without it, warnings that
// are of no use to the user land on stderr. It changes both global loggers: call it
// once, from main.
func QuietLogrus(log *slog.Logger) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	stdlog.SetFlags(0)
	stdlog.SetOutput(slog.NewLogLogger(log.Handler(), slog.LevelDebug).Writer())
	logrus.SetOutput(io.Discard)
	logrus.SetReportCaller(false)
	level := logrus.PanicLevel
	if log.Enabled(context.Background(), slog.LevelDebug) {
		level = logrus.DebugLevel
		logrus.StandardLogger().ReplaceHooks(logrus.LevelHooks{})
		logrus.AddHook(slogHook{log})
	}
	logrus.SetLevel(level)
}

type slogHook struct{ log *slog.Logger }

func (slogHook) Levels() []logrus.Level { return logrus.AllLevels }

func (h slogHook) Fire(e *logrus.Entry) error {
	attrs := []slog.Attr{slog.String("from", "buildkit client"), slog.String("level", e.Level.String())}
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		attrs = append(attrs, slog.Any(key, e.Data[key]))
	}
	h.log.LogAttrs(context.Background(), slog.LevelDebug, e.Message, attrs...)
	return nil
}
