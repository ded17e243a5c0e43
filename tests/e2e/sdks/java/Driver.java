// The client of Java's SDK: Driver URL NAME. The lines that it takes and gives are those of ../python/driver.py, but for
// "cancel": this SDK tells no server that a call is given up.

import io.modelcontextprotocol.client.McpClient;
import io.modelcontextprotocol.client.McpSyncClient;
import io.modelcontextprotocol.client.transport.HttpClientSseClientTransport;
import io.modelcontextprotocol.client.transport.HttpClientStreamableHttpTransport;
import io.modelcontextprotocol.json.McpJsonDefaults;
import io.modelcontextprotocol.json.McpJsonMapper;
import io.modelcontextprotocol.spec.McpClientTransport;
import io.modelcontextprotocol.spec.McpError;
import io.modelcontextprotocol.spec.McpSchema;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

public class Driver {
    private final McpJsonMapper json = McpJsonDefaults.getMapper();
    private final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private final McpSyncClient client;

    private Driver(String url, String name) {
        McpSchema.ClientCapabilities.Builder capabilities = McpSchema.ClientCapabilities.builder().roots(true).sampling();
        if (!url.endsWith("/sse")) capabilities.elicitation(); // by HTTP+SSE it speaks 2024-11-05, which has none
        client = McpClient.sync(transport(URI.create(url)))
            .clientInfo(new McpSchema.Implementation(name, "1"))
            .requestTimeout(Duration.ofSeconds(30))
            .capabilities(capabilities.build())
            .roots(new McpSchema.Root("file:///home/" + name, name))
            .sampling(request -> new McpSchema.CreateMessageResult(
                McpSchema.Role.ASSISTANT, new McpSchema.TextContent("a word of " + name), "none", McpSchema.CreateMessageResult.StopReason.END_TURN))
            .elicitation(request -> new McpSchema.ElicitResult(McpSchema.ElicitResult.Action.ACCEPT, Map.of("name", name)))
            .loggingConsumer(message -> say(Map.of("log", Map.of("level", message.level().name().toLowerCase(), "data", message.data()))))
            .progressConsumer(message -> say(Map.of("progress", message.progress(), "of", Integer.parseInt((String) message.progressToken()))))
            // It reads what is said to have changed, and tells that.
            .resourcesUpdateConsumer(contents -> contents.forEach(content -> say(Map.of("updated", content.uri()))))
            .build();
    }

    private static McpClientTransport transport(URI url) {
        String base = url.getScheme() + "://" + url.getAuthority();
        return url.getPath().equals("/sse") ? HttpClientSseClientTransport.builder(base).sseEndpoint("/sse").build()
                                            : HttpClientStreamableHttpTransport.builder(base).endpoint(url.getPath()).build();
    }

    private synchronized void say(Object message) {
        try {
            out.println(json.writeValueAsString(message));
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    private <T> T read(Object params, Class<T> type) {
        return json.convertValue(params, type);
    }

    @SuppressWarnings("unchecked")
    private Object call(Map<String, Object> params, Object id) {
        Map<String, Object> meta = params.get("progress").equals(true) ? Map.of("progressToken", id.toString()) : null;
        return client.callTool(new McpSchema.CallToolRequest((String) params.get("name"), (Map<String, Object>) params.get("arguments"), meta));
    }

    private Object complete(Map<String, Map<String, String>> params) {
        Map<String, String> ref = params.get("ref");
        McpSchema.CompleteReference reference = ref.get("type").equals("ref/prompt")
            ? new McpSchema.PromptReference(ref.get("name")) : new McpSchema.ResourceReference(ref.get("uri"));
        Map<String, String> argument = params.get("argument");
        return client.completeCompletion(new McpSchema.CompleteRequest(
            reference, new McpSchema.CompleteRequest.CompleteArgument(argument.get("name"), argument.get("value"))));
    }

    @SuppressWarnings("unchecked")
    private Object request(String method, Map<String, Object> params, Object id) {
        switch (method) {
            case "tools/list": return client.listTools();
            case "resources/list": return client.listResources();
            case "resources/templates/list": return client.listResourceTemplates();
            case "prompts/list": return client.listPrompts();
            case "tools/call": return call(params, id);
            case "resources/read": return client.readResource(new McpSchema.ReadResourceRequest((String) params.get("uri")));
            case "resources/subscribe": client.subscribeResource(new McpSchema.SubscribeRequest((String) params.get("uri"))); return Map.of();
            case "resources/unsubscribe": client.unsubscribeResource(new McpSchema.UnsubscribeRequest((String) params.get("uri"))); return Map.of();
            case "prompts/get":
                return client.getPrompt(new McpSchema.GetPromptRequest((String) params.get("name"), (Map<String, Object>) params.get("arguments")));
            case "completion/complete": return complete((Map<String, Map<String, String>>) (Map<?, ?>) params);
            case "logging/setLevel": client.setLoggingLevel(read(params.get("level"), McpSchema.LoggingLevel.class)); return Map.of();
            default: throw new IllegalArgumentException(method);
        }
    }

    @SuppressWarnings("unchecked")
    private void answer(Map<String, Object> message) {
        Map<String, Object> answer = new HashMap<>(Map.of("id", message.get("id")));
        try {
            answer.put("result", request((String) message.get("method"), (Map<String, Object>) message.get("params"), message.get("id")));
        } catch (McpError error) {
            // It has none for what it found itself.
            McpSchema.JSONRPCResponse.JSONRPCError told = error.getJsonRpcError();
            answer.put("error", told == null ? Map.of("message", error.toString()) : Map.of("code", told.code(), "message", told.message()));
        } catch (Throwable error) {
            answer.put("error", Map.of("message", error.toString()));
        }
        say(answer);
    }

    @SuppressWarnings("unchecked")
    private void drive() throws Exception {
        say(Map.of("ready", client.initialize().protocolVersion()));
        ExecutorService calls = Executors.newCachedThreadPool();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            Map<String, Object> message = json.readValue(line, Map.class);
            calls.execute(() -> answer(message));
        }
        client.closeGracefully();
        System.exit(0); // threads of the transport's own would go on
    }

    public static void main(String[] args) throws Exception {
        new Driver(args[0], args[1]).drive();
    }
}
