// Serves a GGUF file with OpenAI's protocol: GET /v1/models and POST
// /v1/chat/completions, on a free port of 127.0.0.1, which it prints.
//
//   node server.mjs FOLDER_OF_NODE_LLAMA_CPP MODEL.gguf [THREADS]
import {createServer} from "node:http";
import {basename, join} from "node:path";
import {pathToFileURL} from "node:url";

const [folder, file, threads = "1"] = process.argv.slice(2);
const {getLlama, LlamaChatSession} = await import(pathToFileURL(join(folder, "node_modules/node-llama-cpp/dist/index.js")));
const llama = await getLlama({gpu: false, build: "never", progressLogs: false, logLevel: "error"});
const model = await llama.loadModel({modelPath: file});
const sequence = (await model.createContext({contextSize: 8192, threads: Number(threads)})).getSequence();
const name = basename(file, ".gguf");
const mostTokens = 256; // of a reply: a small model may never end one

class Refusal extends Error {
  constructor(status, code, message) { super(message); Object.assign(this, {status, code}); }
}

async function complete(asked, signal, onText) {
  if (asked.model !== name) throw new Refusal(404, "model_not_found", `The model '${asked.model}' does not exist; there is ${name}`);
  const last = asked.messages?.at(-1);
  if (last?.role !== "user") throw new Refusal(400, "invalid_value", "messages: the last message must be the user's");
  const format = asked.response_format ?? {type: "text"};
  let grammar;
  try {
    if (format.type === "json_schema") grammar = await llama.createGrammarForJsonSchema(format.json_schema.schema);
    else if (format.type === "json_object") grammar = await llama.getGrammarFor("json");
  } catch (err) {
    throw new Refusal(400, "unsupported_response_format", `response_format is not supported: ${err.message}`);
  }
  const history = asked.messages.map(({role, content}) => role === "assistant" ? {type: "model", response: [content]} : {type: role, text: content});
  const session = new LlamaChatSession({contextSequence: sequence});
  const input = session.chatWrapper.generateContextState({chatHistory: history}).contextText.tokenize(model.tokenizer).length;
  if (input + mostTokens > sequence.contextSize) throw new Refusal(400, "context_length_exceeded", `The prompt has ${input} tokens, which is over this model's maximum context length of ${sequence.contextSize}`);
  session.setChatHistory(history.slice(0, -1));
  const before = sequence.tokenMeter.getState();
  try {
    const said = await session.promptWithMeta(last.content, {
      grammar, signal, onTextChunk: onText, temperature: asked.temperature ?? 1, seed: asked.seed,
      maxTokens: Math.min(asked.max_completion_tokens ?? asked.max_tokens ?? mostTokens, mostTokens),
    });
    const output = sequence.tokenMeter.diff(before).usedOutputTokens;
    return {
      text: said.responseText, finish: said.stopReason === "maxTokens" ? "length" : "stop",
      usage: {prompt_tokens: input, completion_tokens: output, total_tokens: input + output},
    };
  } finally {
    session.dispose({disposeSequence: false});
  }
}

let queue = Promise.resolve(); // there is one sequence: requests wait for each other
function inTurn(work) {
  const turn = queue.then(work);
  queue = turn.catch(() => {});
  return turn;
}

async function answer(request, response) {
  const send = (status, body) => response.writeHead(status, {"Content-Type": "application/json"}).end(JSON.stringify(body));
  const event = (body) => response.write(`data: ${JSON.stringify(body)}\n\n`);
  try {
    if (request.method === "GET" && request.url === "/v1/models") return send(200, {object: "list", data: [{id: name, object: "model"}]});
    if (request.method !== "POST" || request.url !== "/v1/chat/completions") throw new Refusal(404, "not_found", `There is no ${request.method} ${request.url}`);
    let text = "";
    for await (const piece of request.setEncoding("utf8")) text += piece;
    let asked;
    try { asked = JSON.parse(text); } catch (err) { throw new Refusal(400, "invalid_json", `The body is not JSON: ${err.message}`); }
    const gone = new AbortController();
    response.on("close", () => gone.abort(new Error("the client has gone")));
    const common = {id: `chatcmpl-${Date.now()}`, created: Math.floor(Date.now() / 1000), model: name};
    const chunk = (delta, finish_reason = null) => ({...common, object: "chat.completion.chunk", choices: [{index: 0, delta, finish_reason}]});
    const onText = asked.stream ? (content) => {
      if (!response.headersSent) response.writeHead(200, {"Content-Type": "text/event-stream"});
      event(chunk({content}));
    } : undefined;
    const said = await inTurn(() => { gone.signal.throwIfAborted(); return complete(asked, gone.signal, onText); });
    if (!asked.stream) {
      const message = {role: "assistant", content: said.text};
      return send(200, {...common, object: "chat.completion", choices: [{index: 0, message, finish_reason: said.finish}], usage: said.usage});
    }
    if (!response.headersSent) response.writeHead(200, {"Content-Type": "text/event-stream"});
    event(chunk({}, said.finish));
    if (asked.stream_options?.include_usage) event({...common, object: "chat.completion.chunk", choices: [], usage: said.usage});
    response.end("data: [DONE]\n\n");
  } catch (err) {
    const error = {error: {message: err.message, type: err.status ? "invalid_request_error" : "server_error", code: err.code ?? null}};
    if (!response.headersSent) return send(err.status ?? 500, error);
    event(error);
    response.end();
  }
}

const server = createServer(answer).listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/v1`));
