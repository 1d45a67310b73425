'use strict';
// Runs a Node.js handler: asks the Runtime API for events and posts what the handler answers.
// No dependencies, Node.js 18 and later. One socket is kept open; while a handler runs it does not
// keep the event loop alive, so that the loop's end shows a handler that will never answer.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const util = require('node:util');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');

const API = '/2018-06-01/runtime/';
const HEAD_END = Buffer.from('\r\n\r\n');

class RuntimeApi {
  constructor(address) {
    this.address = address;
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon);
    this.port = Number(address.slice(colon + 1));
    this.socket = null;
    this.pieces = [];
    this.size = 0;
    this.waiting = null;
  }

  next() {
    return this.#exchange(`GET ${API}invocation/next HTTP/1.1\r\nHost: ${this.address}\r\n\r\n`);
  }

  post(target, body, errorType) {
    const bytes = Buffer.from(body);
    let head = `POST ${API}${target} HTTP/1.1\r\nHost: ${this.address}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${bytes.length}\r\n`;
    if (errorType) head += `Lambda-Runtime-Function-Error-Type: ${headerSafe(errorType)}\r\n`;
    return this.#exchange(Buffer.concat([Buffer.from(head + '\r\n', 'latin1'), bytes]));
  }

  rest() {
    if (this.socket) this.socket.unref();
  }

  #exchange(bytes) {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      if (!this.socket) this.#connect();
      this.socket.ref();
      this.socket.write(bytes);
    });
  }

  #connect() {
    const socket = net.connect({ host: this.host, port: this.port, noDelay: true });
    this.socket = socket;
    this.pieces = [];
    this.size = 0;
    socket.on('data', (piece) => {
      this.pieces.push(piece);
      this.size += piece.length;
      this.#take();
    });
    const lost = (error) => {
      if (this.socket === socket) this.socket = null;
      const waiting = this.waiting;
      this.waiting = null;
      if (waiting) waiting.reject(error || new Error('the Runtime API closed the connection'));
    };
    socket.on('error', lost);
    socket.on('close', () => lost());
  }

  #take() {
    if (this.needed && this.size < this.needed) return;
    const all = this.pieces.length === 1 ? this.pieces[0] : Buffer.concat(this.pieces, this.size);
    this.pieces = [all];
    const end = all.indexOf(HEAD_END);
    if (end < 0) return;
    const lines = all.toString('latin1', 0, end).split('\r\n');
    const headers = {};
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const length = Number(headers['content-length'] || 0);
    // Until a long body is whole, its pieces are only collected.
    this.needed = end + 4 + length;
    if (all.length < this.needed) return;
    const body = all.subarray(end + 4, this.needed);
    const rest = all.subarray(this.needed);
    this.pieces = rest.length ? [rest] : [];
    this.size = rest.length;
    this.needed = 0;
    if (headers.connection === 'close') {
      this.socket.destroy();
      this.socket = null;
    }
    const waiting = this.waiting;
    this.waiting = null;
    if (waiting) waiting.resolve({ status: Number(lines[0].split(' ')[1]), headers, body });
  }
}

function headerSafe(text) {
  return String(text).replace(/[^\x20-\x7e]/g, '?');
}

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
    Error.captureStackTrace(this, RuntimeError);
  }
}

function errorDocument(error) {
  if (util.types.isNativeError(error) || error instanceof Error) {
    return {
      errorType: error.name,
      errorMessage: error.message,
      trace: String(error.stack || '').split('\n'),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

// --- what handlers print ---------------------------------------------------------------------

let requestId;
const jsonLines = (process.env.AWS_LAMBDA_LOG_FORMAT || '').toLowerCase() === 'json';
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const lowest = Math.max(0, LEVELS.indexOf(
    (process.env.AWS_LAMBDA_LOG_LEVEL || (jsonLines ? 'INFO' : 'TRACE')).toUpperCase()));

function printLine(text) {
  // Synchronous: what was printed before an answer must be in the pipe before it.
  let bytes = Buffer.from(text + '\n');
  while (bytes.length) {
    try {
      bytes = bytes.subarray(fs.writeSync(1, bytes));
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
    }
  }
}

function log(level, ...values) {
  if (LEVELS.indexOf(level) < lowest) return;
  const time = new Date().toISOString();
  if (!jsonLines) {
    const text = util.format(...values).replace(/\n/g, '\r');
    printLine(`${time}\t${requestId}\t${level}\t${text}`);
    return;
  }
  const line = { timestamp: time, level, requestId };
  const error = values.find((value) => util.types.isNativeError(value));
  line.message = values.length === 1 && !error ? values[0] : util.format(...values);
  if (error) {
    line.errorType = error.name;
    line.errorMessage = error.message;
    line.stackTrace = String(error.stack || '').split('\n');
  }
  let text;
  try {
    text = JSON.stringify(line);
  } catch {
    text = JSON.stringify({ ...line, message: util.format(...values) });
  }
  printLine(text);
}

function patchConsole() {
  console.trace = (...values) => log('TRACE', ...values);
  console.debug = (...values) => log('DEBUG', ...values);
  console.log = console.info = (...values) => log('INFO', ...values);
  console.warn = (...values) => log('WARN', ...values);
  console.error = (...values) => log('ERROR', ...values);
  console.fatal = (...values) => log('FATAL', ...values);
}

function logError(title, document) {
  log('ERROR', title, JSON.stringify({ ...document, stack: document.trace, trace: undefined }));
}

// --- loading ---------------------------------------------------------------------------------

function isModuleFolder(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const description = path.join(folder, 'package.json');
    if (fs.existsSync(description)) {
      try {
        return JSON.parse(fs.readFileSync(description, 'utf8')).type === 'module';
      } catch {
        return false;
      }
    }
    if (path.basename(folder) === 'node_modules' || folder === path.dirname(folder)) return false;
  }
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() || false;
}

async function loadModule(root, modulePath) {
  const base = path.resolve(root, modulePath);
  const requireHere = createRequire(path.join(root, 'index.js'));
  const importFile = (file) => import(pathToFileURL(file).href);
  if (isFile(base)) return requireHere(base);
  if (isFile(`${base}.js`)) {
    return isModuleFolder(`${base}.js`) ? importFile(`${base}.js`) : requireHere(`${base}.js`);
  }
  if (isFile(`${base}.mjs`)) return importFile(`${base}.mjs`);
  if (isFile(`${base}.cjs`)) return requireHere(`${base}.cjs`);
  return requireHere(requireHere.resolve(`./${modulePath}`, { paths: [root] }));
}

async function loadHandler(root, name) {
  if (name.includes('..')) {
    throw new RuntimeError('Runtime.MalformedHandlerName',
        `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const base = path.basename(name);
  const match = /^([^.]*)\.(.*)$/.exec(base);
  if (!match) throw new RuntimeError('Runtime.MalformedHandlerName', 'Bad handler');
  const modulePath = name.slice(0, name.length - base.length) + match[1];
  let loaded;
  try {
    loaded = await loadModule(root, modulePath);
  } catch (error) {
    if (error instanceof SyntaxError) throw Object.assign(
        new RuntimeError('Runtime.UserCodeSyntaxError', String(error)), { stack: error.stack });
    if (error && ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error.code)) {
      throw Object.assign(new RuntimeError('Runtime.ImportModuleError', String(error)), { stack: error.stack });
    }
    throw error;
  }
  const find = (from) => match[2].split('.').reduce((at, key) => at && at[key], from);
  const handler = find(loaded) || (loaded && loaded.default && find(loaded.default));
  if (!handler) {
    throw new RuntimeError('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  }
  if (typeof handler !== 'function') {
    throw new RuntimeError('Runtime.HandlerNotFound', `${name} is not a function`);
  }
  return handler;
}

// --- one event -------------------------------------------------------------------------------

class Context {
  constructor(headers) {
    const deadline = Number(headers['lambda-runtime-deadline-ms'] || 0);
    const parsed = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
    this.callbackWaitsForEmptyEventLoop = true;
    this.functionVersion = process.env.AWS_LAMBDA_FUNCTION_VERSION;
    this.functionName = process.env.AWS_LAMBDA_FUNCTION_NAME;
    this.memoryLimitInMB = process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE;
    this.logGroupName = process.env.AWS_LAMBDA_LOG_GROUP_NAME;
    this.logStreamName = process.env.AWS_LAMBDA_LOG_STREAM_NAME;
    this.clientContext = parsed('lambda-runtime-client-context');
    this.identity = parsed('lambda-runtime-cognito-identity');
    this.invokedFunctionArn = headers['lambda-runtime-invoked-function-arn'];
    this.awsRequestId = headers['lambda-runtime-aws-request-id'];
    this.tenantId = headers['lambda-runtime-aws-tenant-id'];
    this.getRemainingTimeInMillis = () => Math.max(0, deadline - Date.now());
  }
}

// The answer of the event in hand. Exactly one outcome counts; a callback's waits for the loop to
// drain unless the handler says otherwise.
let current = null;

class Answer {
  constructor() {
    this.settled = new Promise((resolve) => { this.resolve = resolve; });
    this.whenDrained = null;
    this.isPromise = false;
  }

  give(outcome, context) {
    if (this.whenDrained) return;
    this.whenDrained = outcome;
    if (!context || !context.callbackWaitsForEmptyEventLoop) this.resolve(outcome);
  }

  drained() {
    this.resolve(this.whenDrained || (this.isPromise
        ? { error: new RuntimeError('Runtime.NodeJsExit', 'The handler\'s promise will never settle: the event loop is empty') }
        : { result: null }));
  }
}

function run(handler, event, context) {
  const answer = new Answer();
  current = answer;
  const callback = (error, result) => {
    answer.give(error !== undefined && error !== null ? { error } : { result }, context);
  };
  context.done = callback;
  context.succeed = (result) => answer.give({ result }, { callbackWaitsForEmptyEventLoop: false });
  context.fail = (error) => answer.give(
      { error: error === undefined || error === null ? new Error('handled') : error },
      { callbackWaitsForEmptyEventLoop: false });
  try {
    const returned = handler(event, context, callback);
    if (returned && typeof returned.then === 'function') {
      answer.isPromise = true;
      returned.then((result) => answer.give({ result }), (error) => answer.give({ error }));
    }
  } catch (error) {
    answer.give({ error });
  }
  return answer.settled;
}

async function serve(api, handler) {
  for (;;) {
    const { status, headers, body } = await api.next();
    if (status !== 200) throw new Error(`the Runtime API answered ${status}: ${body}`);
    requestId = headers['lambda-runtime-aws-request-id'];
    const trace = headers['lambda-runtime-trace-id'];
    if (trace) process.env._X_AMZN_TRACE_ID = trace;
    else delete process.env._X_AMZN_TRACE_ID;

    api.rest();
    let outcome;
    try {
      outcome = await run(handler, JSON.parse(body.toString()), new Context(headers));
    } catch (error) {
      outcome = { error };
    }
    current = null;

    let text;
    if (!('error' in outcome)) {
      try {
        const result = JSON.stringify(outcome.result);
        text = result === undefined ? 'null' : result;
      } catch {
        outcome = { error: new RuntimeError('Runtime.MarshalError', 'Unable to stringify response body') };
      }
    }
    if ('error' in outcome) {
      const document = errorDocument(outcome.error);
      logError('Invoke Error', document);
      await api.post(`invocation/${requestId}/error`, JSON.stringify(document), document.errorType);
    } else {
      await api.post(`invocation/${requestId}/response`, text);
    }
  }
}

// Ends the process with an error that nobody caught; the worker's state cannot be trusted after it.
async function die(api, started, title, error, exitCode) {
  const document = errorDocument(error);
  logError(title, document);
  const target = current ? `invocation/${requestId}/error` : 'init/error';
  if (current || !started.value) {
    current = null;
    try {
      // The kept connection may wait for an answer of its own.
      await new RuntimeApi(api.address).post(target, JSON.stringify(document), document.errorType);
    } catch {
      // Our exit tells the same.
    }
  }
  process.exit(exitCode);
}

function main() {
  patchConsole();
  const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);
  const started = { value: false };
  process.on('uncaughtException', (error) => die(api, started, 'Uncaught Exception', error, 129));
  process.on('unhandledRejection', (reason) => {
    const error = new RuntimeError('Runtime.UnhandledPromiseRejection',
        reason && reason.message !== undefined ? `${reason.name}: ${reason.message}` : String(reason));
    if (reason && reason.stack) error.stack = reason.stack;
    die(api, started, 'Unhandled Promise Rejection', error, 128);
  });
  process.on('beforeExit', () => {
    if (current) current.drained();
  });

  loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER).then(
      (handler) => {
        started.value = true;
        return serve(api, handler);
      }).catch((error) => {
        if (started.value) {
          log('ERROR', error);
          process.exit(1);
        }
        return die(api, started, 'Uncaught Exception', error, 1);
      });
}

main();
