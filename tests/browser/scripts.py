"""What is said at a dental practice on an ordinary morning, for the pictures: all of it made up."""

from collections.abc import Sequence
from dataclasses import dataclass

#: How fast all of them speak.
MS_A_CHARACTER = 95
#: What passes besides speech until the other one speaks: a pause, and finding out that it is over.
PAUSE_S, NOTICED_S = 0.9, 0.7


@dataclass(frozen=True)
class Exchange:
    """What a caller says, and the answer to it, if it comes to that."""

    asks: str
    answer: str | None = None
    #: A tool that is run before the answer: its name, its arguments and its result.
    tool: tuple[str, dict[str, str], object] | None = None
    #: After so many seconds of the answer the caller begins with the next.
    cut_s: float | None = None
    #: How long the model takes to begin.
    thinks_s: float = 0.1


@dataclass(frozen=True)
class Script:
    """A whole call."""

    name: str
    caller: str
    agent: str
    greeting: str
    exchanges: Sequence[Exchange]
    #: How long before the pictures the last word is said.
    quiet_s: float = 0.0
    hangs_up: bool = False

    @property
    def lasts_s(self) -> float:
        """Return about how long it takes to its last word."""
        spoken = len(self.greeting) + sum(
            len(each.asks) + (0 if each.cut_s else len(each.answer or ""))
            for each in self.exchanges
        )
        cut_s = sum(each.cut_s or 0 for each in self.exchanges)
        waits_s = len(self.exchanges) * (PAUSE_S + NOTICED_S)
        thinks_s = sum(each.thinks_s for each in self.exchanges)
        return spoken * MS_A_CHARACTER / 1000 + cut_s + waits_s + thinks_s


#: The call that is looked at; its last words are still being said.
PRIYA = Script(
    "priya",
    "Priya Raman",
    "Front desk",
    "Harbour Dental, good morning. How can I help?",
    (
        Exchange(
            "Hi, I have an appointment on Thursday with Doctor Osei and I need to move it.",
            "Of course. May I have your date of birth, to find the booking?",
        ),
        Exchange(
            "The third of May, eighty-eight.",
            "Thank you, Priya. I can offer Friday at nine fifteen, or Monday at ten forty with "
            "Doctor Osei, or any time on Wednesday.",
            tool=("find_booking", {"born": "1988-05-03"}, {"booked": "Thursday 14:30"}),
            cut_s=4.6,
            thinks_s=0.2,
        ),
        Exchange(
            "Friday morning is perfect.",
            "Done: Friday at nine fifteen with Doctor Osei. You will get a text to confirm it.",
            tool=("move_booking", {"to": "Friday 09:15"}, {"moved": True}),
            thinks_s=0.15,
        ),
        Exchange("Great, and could you tell me whether the"),
    ),
)

#: Around it: the calls that go on, the oldest last, and those that end.
OTHERS = (
    Script(
        "visitor",
        "web visitor 7f3c",
        "Website",
        "Hello! You are talking to the assistant of Harbour Dental. What can I do for you today?",
        (
            Exchange(
                "Hello. Do you take new patients at the moment?",
                "We do. Just bring your insurance number and the name of your last dentist.",
            ),
            Exchange(
                "Good, I have that here with me. Is a Friday possible?",
                "It is: every Friday from nine until four. I can book you in now, if you like.",
            ),
            Exchange(
                "Yes please, an appointment for my whole family.",
                "Certainly. For how many people, and on which day?",
            ),
        ),
        quiet_s=1,
    ),
    Script(
        "parking",
        "+44 131 496 0871",
        "Reception",
        "Harbour Dental, good morning. How can I help?",
        (
            Exchange(
                "Morning. Is Doctor Lindqvist in this week?",
                "She is in from Tuesday to Thursday. Would you like to see her?",
            ),
            Exchange(
                "Yes, Thursday would be best, as late as you have.",
                "I have Thursday at twenty past five with Doctor Lindqvist.",
                tool=("find_slot", {"day": "Thursday"}, {"slot": "17:20"}),
            ),
            Exchange(
                "Then put me down for that, please. Johnston is the name.",
                "Booked, and you will get a text the day before.",
            ),
            Exchange(
                "And how long are you open, and can I park somewhere?",
                "We are open until six on Thursdays, and the car park behind the house is free.",
            ),
        ),
        quiet_s=2,
    ),
    Script(
        "vidal",
        "Tomás Vidal",
        "Accounts",
        "Harbour Dental, good morning. How can I help?",
        (
            Exchange(
                "You have charged me twice for the same cleaning, and I want that money back.",
                "I am sorry about that. I can see one payment of eighty pounds on the ninth.",
            ),
            Exchange(
                "No, there were two of them, I have both receipts in front of me.",
                "Then let me bring somebody in who can look at the account with you.",
            ),
            Exchange(
                "Good. I have been waiting for a week now, you know.",
                "I understand. One moment, please.",
            ),
            Exchange("Thank you. Shall I read you the numbers on them?"),
        ),
        quiet_s=4,
    ),
    Script(
        "lena",
        "Lena Fischer",
        "Night line",
        "Harbour Dental, this is the night line. Are you in pain?",
        (
            Exchange(
                "Yes, since yesterday evening, the lower left one, and it throbs.",
                "I am sorry to hear that. Is your cheek swollen, or do you have a fever?",
            ),
            Exchange(
                "A little swollen, I think. Wait, I will look in the mirror.",
                "Take your time, I am here. Are you still there?",
            ),
        ),
        quiet_s=15,
    ),
    Script(
        "samuel",
        "Samuel Adeyemi",
        "Billing",
        "Harbour Dental, accounts. Which bill is it about?",
        (
            Exchange(
                "I have had a letter with a bill that I do not understand.",
                "Let me look. Is it the one over two hundred and ten pounds?",
                thinks_s=1.3,
            ),
            Exchange(
                "No, the invoice from September, the one for the crown.",
                "Thank you. The crown was billed in two parts, and this is the second.",
                tool=("find_invoice", {"month": "September"}, {"invoice": "2 of 2"}),
                thinks_s=1.4,
            ),
            Exchange(
                "So there is nothing more to come after that, and I need not pay twice?",
                "That is right. Shall I send you both parts again?",
                thinks_s=1.5,
            ),
        ),
        quiet_s=3,
    ),
    Script(
        "rosa",
        "Rosa Marin",
        "Reminders",
        "Harbour Dental, good morning.",
        (Exchange("Is it still half past two today?", "Yes, it is still at half past two."),),
        quiet_s=30,
        hangs_up=True,
    ),
    Script(
        "short",
        "+44 28 9018 0733",
        "Switchboard",
        "Hello! What can I do for you?",
        (Exchange("Sorry, wrong number.", "No harm done."),),
        quiet_s=45,
        hangs_up=True,
    ),
)
SCRIPTS = (PRIYA, *OTHERS)
