class error(Exception): ...

class Options:
    max_mem: int
    log_errors: bool
    never_capture: bool

class Pattern:
    def search(self, text: str) -> object | None: ...

def compile(pattern: str, options: Options | None = None) -> Pattern: ...
