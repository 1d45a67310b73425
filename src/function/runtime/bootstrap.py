"""Runs a Python handler: asks the Runtime API for events and posts what the handler answers.

Standard library only, Python 3.9 and later. One connection is kept open, and a request is one
system call each way: this loop lies on the path of every event.
"""

import json
import os
import socket
import sys
import time

API = "/2018-06-01/runtime/"


class RuntimeApi:
    """The Runtime API over one kept connection."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.address = (host, int(port))
        self.host = address
        self.socket = None
        self.buffer = b""

    def next(self):
        head = f"GET {API}invocation/next HTTP/1.1\r\nHost: {self.host}\r\n\r\n"
        return self._exchange(head.encode(), retry=True)

    def post(self, path, body, content_type, error_type=None):
        head = (
            f"POST {API}{path} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        )
        if error_type:
            head += f"Lambda-Runtime-Function-Error-Type: {error_type}\r\n"
        return self._exchange(head.encode() + b"\r\n" + body, retry=False)

    def _connect(self):
        self.socket = socket.create_connection(self.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def _exchange(self, request, retry):
        if self.socket is None:
            self._connect()
        try:
            self.socket.sendall(request)
            return self._answer()
        except OSError:
            self.socket.close()
            self.socket = None
            # Asking again for an event is harmless, posting an answer again is not.
            if not retry:
                raise
            self._connect()
            self.socket.sendall(request)
            return self._answer()

    def _answer(self):
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            self._receive()
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ", 2)[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        body = self.buffer[end + 4 :]
        if len(body) < length:
            pieces = [body]
            missing = length - len(body)
            while missing > 0:
                piece = self.socket.recv(min(missing, 1 << 20))
                if not piece:
                    raise ConnectionError("the Runtime API closed the connection")
                pieces.append(piece)
                missing -= len(piece)
            body = b"".join(pieces)
        self.buffer = body[length:]
        if headers.get("connection") == "close":
            self.socket.close()
            self.socket = None
        return status, headers, body[:length]

    def _receive(self):
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise ConnectionError("the Runtime API closed the connection")
        self.buffer += piece


class InitError(Exception):
    """The handler cannot be loaded; `kind` is the errorType that is reported."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.trace = list(trace)


class _Fields:
    def __init__(self, names, values):
        for name in names:
            setattr(self, name, values.get(name))


class ClientContext:
    def __init__(self, values):
        self.custom = values.get("custom")
        self.env = values.get("env")
        client = values.get("client")
        self.client = client and _Fields(
            ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"),
            client,
        )


class CognitoIdentity:
    def __init__(self, values):
        self.cognito_identity_id = values.get("cognitoIdentityId")
        self.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")


class LambdaContext:
    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
    memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
    log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")

    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        context = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(json.loads(context)) if context else None
        identity = headers.get("lambda-runtime-cognito-identity")
        self.identity = CognitoIdentity(json.loads(identity) if identity else {})
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        fields = ", ".join(f"{k}={v}" for k, v in vars(self).items() if not k.startswith("_"))
        return f"LambdaContext([{fields}])"


class _Current:
    """What the log lines of this moment belong to."""

    request_id = ""
    tenant_id = None


def set_up_logging():
    import logging

    json_lines = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "Text").lower() == "json"

    class RequestFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = _Current.request_id
            record.tenant_id = _Current.tenant_id
            return True

    class TextFormatter(logging.Formatter):
        converter = time.gmtime

        def __init__(self):
            super().__init__(
                "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
                "%Y-%m-%dT%H:%M:%S",
            )

    class JsonFormatter(logging.Formatter):
        converter = time.gmtime
        standard = set(vars(logging.makeLogRecord({}))) | {
            "message",
            "asctime",
            "aws_request_id",
            "tenant_id",
        }

        def format(self, record):
            line = {
                "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
                "level": record.levelname,
                "message": record.getMessage(),
                "logger": record.name,
                "requestId": record.aws_request_id,
            }
            if record.exc_info and record.exc_info[0]:
                import traceback

                line["errorType"] = record.exc_info[0].__name__
                line["errorMessage"] = str(record.exc_info[1])
                line["stackTrace"] = traceback.format_tb(record.exc_info[2])
                line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
            if record.tenant_id:
                line["tenantId"] = record.tenant_id
            for key, value in vars(record).items():
                if key not in self.standard:
                    line[key] = value
            return json.dumps(line, default=str, ensure_ascii=False)

    class StdoutHandler(logging.Handler):
        # sys.stdout as it is now: a test in the handler's code may have replaced it.
        def emit(self, record):
            try:
                sys.stdout.write(self.format(record) + "\n")
            except Exception:  # logging never breaks the handler
                self.handleError(record)

    handler = StdoutHandler()
    handler.setFormatter(JsonFormatter() if json_lines else TextFormatter())
    handler.addFilter(RequestFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO" if json_lines else "").upper()
    level = {"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level)
    if level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)


def load_handler(name):
    import importlib

    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise InitError("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack")
    module_name = module_name.replace("/", ".")
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise InitError(
            "Runtime.BuiltInModuleConflict",
            f"Cannot use built-in module {module_name} as a handler module",
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InitError(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").strip()}\n']
        raise InitError(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", trace
        ) from error
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise InitError(
            "Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'"
        ) from None


def user_frames(error):
    """The traceback as text, without the frames of this file and of the import machinery."""
    import traceback

    own = (__file__, "<frozen importlib")
    frames = traceback.extract_tb(error.__traceback__)
    while frames and (frames[0].filename.startswith(own) or "/importlib/__init__.py" in frames[0].filename):
        frames.pop(0)
    return traceback.format_list(frames)


def error_document(kind, message, trace, request_id):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def log_error(document):
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").lower() == "json":
        line = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "log_level": "ERROR",
            **document,
        }
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        return
    text = f"[ERROR] {document['errorType']}: {document['errorMessage']}\n"
    if document["stackTrace"]:
        text += "Traceback (most recent call last):\n" + "".join(document["stackTrace"])
    # Carriage returns inside: one error is one log event.
    sys.stdout.write(text.rstrip("\n").replace("\n", "\r") + "\n")


def _decimal(value):
    # Decimals are numbers to the caller: whole ones exactly, others as the nearest double.
    if type(value).__name__ == "Decimal" and type(value).__module__ == "decimal":
        is_whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if is_whole else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def marshal(result):
    if isinstance(result, bytes):
        return result, "application/unknown"
    text = json.dumps(result, default=_decimal, ensure_ascii=sys.version_info < (3, 12))
    return text.encode("utf-8", "surrogatepass"), "application/json"


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # closed or replaced by the handler


def handle(api, handler, headers, body):
    request_id = headers["lambda-runtime-aws-request-id"]
    _Current.request_id = request_id
    _Current.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)

    try:
        event = body
        if headers.get("content-type", "application/json").startswith("application/json"):
            try:
                event = json.loads(body)
            except ValueError as error:
                raise InitError("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None
        result = handler(event, LambdaContext(headers))
        try:
            answer, content_type = marshal(result)
        except (TypeError, ValueError, RecursionError) as error:
            raise InitError("Runtime.MarshalError", f"Unable to marshal response: {error}") from None
    except InitError as error:
        document = error_document(error.kind, str(error), error.trace, request_id)
    except Exception as error:  # the handler's own: the worker goes on with the next event
        document = error_document(type(error).__name__, str(error), user_frames(error), request_id)
    else:
        flush()
        api.post(f"invocation/{request_id}/response", answer, content_type)
        return

    log_error(document)
    flush()
    answer = json.dumps(document).encode()
    api.post(f"invocation/{request_id}/error", answer, "application/json", document["errorType"])


def main():
    # Whole lines are one write each, and both streams are flushed before an answer is posted.
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    sys.stderr.reconfigure(line_buffering=True, errors="backslashreplace")
    # The code folder takes the place of this file's folder.
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        set_up_logging()
        handler = load_handler(os.environ["_HANDLER"])
    except (Exception, SystemExit) as error:
        if isinstance(error, InitError):
            document = error_document(error.kind, str(error), error.trace, "")
        else:
            document = error_document(type(error).__name__, str(error), user_frames(error), "")
        log_error(document)
        flush()
        body = json.dumps(document).encode()
        api.post("init/error", body, "application/json", document["errorType"])
        sys.exit(1)

    while True:
        status, headers, body = api.next()
        if status != 200:
            sys.exit(f"the Runtime API answered {status}: {body.decode(errors='replace')}")
        handle(api, handler, headers, body)


if __name__ == "__main__":
    main()
