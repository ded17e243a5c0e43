// The OTLP receiver of the OpenTelemetry collector, which prints each batch of spans that it has taken, as JSON, on
// a line of its own. Its address is the only argument.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
)

func main() {
	var marshaler ptrace.JSONMarshaler
	print := func(_ context.Context, spans ptrace.Traces) error {
		text, err := marshaler.MarshalTraces(spans)
		if err == nil {
			fmt.Println(string(text))
		}
		return err
	}
	sink, err := consumer.NewTraces(print)
	fail(err)
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	fail(confmap.NewFromStringMap(map[string]any{
		"protocols": map[string]any{"http": map[string]any{"endpoint": os.Args[1]}},
	}).Unmarshal(config))
	taker, err := factory.CreateTraces(context.Background(), receiver.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}, config, sink)
	fail(err)
	fail(taker.Start(context.Background(), componenttest.NewNopHost()))
	fmt.Println("listening")
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
	fail(taker.Shutdown(context.Background()))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
