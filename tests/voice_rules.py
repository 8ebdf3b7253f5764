"""What holds for the reports of any voice, whatever happens to it (ports.VoiceListener)."""

from collections.abc import Sequence

from ringline.domain.voice import (
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    Transcribed,
    TurnCleared,
    Usage,
    UsageReported,
    VoiceFailed,
    VoiceFailure,
)
from tests.voice_desk import Report, Said, Spoke


def check_reports(reports: Sequence[Report]) -> None:
    """Check the sequence of a voice's reports."""
    started: set[str] = set()
    done: set[str] = set()
    calls: set[str] = set()
    finals: set[str] = set()
    speaking = ""
    for number, report in enumerate(reports):
        match report:
            case ResponseStarted(response_id):
                assert response_id not in started | done
                assert started <= done, "one response at a time"
                started.add(response_id)
            case ResponseDone(response_id, usage=usage):
                assert response_id not in done
                done.add(response_id)
                check_usage(usage)
            case Said(response_id, delta):
                assert response_id in started - done
                assert delta
            case Spoke(response_id, chunk):
                assert response_id in started - done
                assert chunk.pcm
                assert len(chunk.pcm) % 2 == 0
            case ToolCall(response_id, call_id, name):
                assert response_id in started - done
                assert call_id not in calls, "a call is told once"
                assert name
                calls.add(call_id)
            case SpeechStarted(item_id, ago_ms):
                assert not speaking, "the turn before is over"
                assert ago_ms >= 0
                speaking = item_id
            case SpeechStopped(item_id, ago_ms, began_ago_ms):
                assert speaking in ("", item_id)
                assert min(ago_ms, began_ago_ms) >= 0
                speaking = ""
            case Transcribed(item_id, _, final):
                assert item_id not in finals, "nothing follows a final transcript"
                if final:
                    finals.add(item_id)
            case TurnCleared(item_id):
                assert item_id not in finals
                finals.add(item_id)
            case UsageReported(_, usage):
                check_usage(usage)
            case VoiceFailed(code, _, recoverable):
                assert code is not VoiceFailure.INTERNAL_ERROR
                after = reports[number + 1 :]
                bills = all(isinstance(report, UsageReported) for report in after)
                assert recoverable or bills, "nothing follows its end but what it has used"
            case _:
                pass


def check_usage(usage: Usage) -> None:
    """Check that a voice used nothing less than nothing."""
    assert min(usage.tokens, usage.text_items) >= 0
    assert usage.seconds >= 0
