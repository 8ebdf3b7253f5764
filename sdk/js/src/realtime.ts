// Made by `python -m sdk.generate` from the server's tables. Do not edit.

/** The config of a realtime session; what is absent has its default. */
export interface SessionConfig {
  /** The model that speaks, as `provider/model`; fixed for the session, and required unless the ticket or an agent brings one. */
  model?: string;
  /** The model's system prompt. Default: "". */
  instructions?: string;
  /** A voice that the model offers, in upper or lower case. Default: the model's default voice. */
  voice?: string;
  /** How the agent answers: `audio`, `text` or both; with `text`, `text.delta` is sent whatever `output_transcription` says. Default: ["audio"]. */
  modalities?: readonly string[];
  /** How freely the model chooses its words, within its own range; ignored by a model without this setting. Default: the provider's. */
  temperature?: number;
  /** How long the model reasons, as one of its levels; refused by a model without levels. Default: "". */
  reasoning_effort?: string;
  /** Of `audio.append`; the only one. Default: "pcm16". */
  input_audio_format?: string;
  /** Of `audio.delta`; the only one. Default: "pcm16". */
  output_audio_format?: string;
  /** Whether to send `transcript.committed`, what the caller said. Default: false. */
  input_transcription?: boolean;
  /** Which recogniser the provider uses; empty leaves the choice to it. Default: "". */
  input_transcription_model?: string;
  /** Whether to send `text.delta`, what the agent says. Default: false. */
  output_transcription?: boolean;
  /** How the end of the caller's turn is detected. Default: {"type":"server_vad"}. */
  turn_detection?: { type?: string; threshold?: number; prefix_padding_ms?: number; silence_duration_ms?: number };
  /** Functions that the model may ask the client to run; refused by a model without tools. Default: []. */
  tools?: readonly { name: string; description?: string; parameters?: Record<string, unknown> }[];
  /** What `local/attendant` understands and says (local-voice.md); other models ignore it, which `warnings` reports. Default: none. */
  local?: { phrases?: readonly { text: string; intent: string }[]; replies?: Record<string, string> };
  /** For a translation model, the language it speaks; refused by every other model. Default: "". */
  translation_target_language?: string;
}

/** What bounds a session, and who talks in it; the browser has no say in it. */
export interface SessionLeash {
  /** How long the session may last from `session.started`, 1 to 86,400. Default: the server's limit, 3,600. */
  max_duration_seconds?: number;
  /** How long the client may send no frame, 1 to 86,400; silent audio is a frame, a ping is none. Default: the server's limit, 300. */
  idle_timeout_seconds?: number;
  /** What the session may use; at least one of its members. Default: none. */
  budget?: { tokens?: number; audio_seconds?: number; usd?: number };
  /** Names of the tools that the session may use; all others are removed from its config, no matter who added them. `[]` allows none. Default: all. */
  allowed_tools?: readonly string[];
  /** 1 to 20 origins of pages that may open the session, as browsers write them: `https://app.example.com`. Default: all. */
  allowed_origins?: readonly string[];
  /** How many live sessions `subject` may have in the environment; from 1. Default: no limit. */
  concurrency?: number;
  /** Who talks, 1 to 255 bytes: the call is `from` `web:<subject>`. Default: `anonymous`. */
  subject?: string;
  /** Your own data, at most 16 KiB of JSON: `metadata` of the call in RPC, never shown to the client. Default: none. */
  metadata?: Record<string, unknown>;
  /** Whether the caller agrees to be recorded. Default: not asked. */
  recording_consent?: boolean;
}

/** The `type` of an error of `createRealtimeSession`. */
export type RealtimeErrorType =
  | "invalid_json"
  | "invalid_request"
  | "invalid_config"
  | "unsupported_audio_format"
  | "model_not_found"
  | "model_not_realtime"
  | "unknown_locked_field"
  | "agent_not_found"
  | "upgrade_required"
  | "unauthorized"
  | "insufficient_balance"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "request_timeout"
  | "payload_too_large"
  | "rate_limited"
  | "concurrency_limit"
  | "internal_error"
  | "realtime_tickets_disabled"
  | "unavailable"
  | "network_error";

/** The code of an error in a session. */
export type SessionErrorCode =
  | "invalid_json"
  | "invalid_event"
  | "unknown_event"
  | "binary_not_supported"
  | "session_already_started"
  | "invalid_audio"
  | "rate_limited"
  | "input_audio_buffer_commit_empty"
  | "response_cancel_not_active"
  | "conversation_already_has_active_response"
  | "tool_call_not_found"
  | "image_input_unsupported"
  | "invalid_image"
  | "immutable_field"
  | "upstream_error"
  | "overloaded"
  | "speech_failed"
  | "session_not_started"
  | "model_required"
  | "model_not_found"
  | "model_not_realtime"
  | "agent_not_found"
  | "invalid_config"
  | "unsupported_modality"
  | "unsupported_voice"
  | "unsupported_reasoning_effort"
  | "unsupported_turn_detection"
  | "unsupported_audio_format"
  | "start_timeout"
  | "insufficient_balance"
  | "budget_exhausted"
  | "max_duration"
  | "idle_timeout"
  | "call_ended"
  | "revoked"
  | "concurrency_limit"
  | "slow_client"
  | "frame_too_large"
  | "server_shutdown"
  | "unavailable"
  | "storage_lost"
  | "upstream_unavailable"
  | "upstream_closed"
  | "agent_error"
  | "internal_error";

/** The code of an error that ends a session. */
export type SessionEndCode =
  | "binary_not_supported"
  | "session_not_started"
  | "model_required"
  | "model_not_found"
  | "model_not_realtime"
  | "agent_not_found"
  | "invalid_config"
  | "unsupported_modality"
  | "unsupported_voice"
  | "unsupported_reasoning_effort"
  | "unsupported_turn_detection"
  | "unsupported_audio_format"
  | "start_timeout"
  | "insufficient_balance"
  | "budget_exhausted"
  | "max_duration"
  | "idle_timeout"
  | "call_ended"
  | "revoked"
  | "concurrency_limit"
  | "slow_client"
  | "frame_too_large"
  | "server_shutdown"
  | "unavailable"
  | "storage_lost"
  | "upstream_unavailable"
  | "upstream_closed"
  | "agent_error"
  | "internal_error";

/** What a client sends, by its `type`. */
export interface ClientEvents {
  /** Open the session; the first frame, and once. */
  "session.start": {
    type: "session.start";
    /** The config below. Default: {}. */
    config?: SessionConfig | null;
    /** An agent, for the settings that ticket and config leave open; its greeting is spoken. Ignored if the ticket names an agent. Default: none. */
    agent_id?: string | null;
    /** Whether to send `session.usage`; a mint that says so is followed instead. Default: false. */
    usage_events?: boolean | null;
  };
  /** Change the config while the session runs. */
  "session.update": {
    type: "session.update";
    /** The members to change; absent ones stay, and those that the ticket binds win. */
    config: SessionConfig;
  };
  /** A piece of the caller's audio, sent continuously, even while the agent speaks. */
  "audio.append": {
    type: "audio.append";
    /** Base64 of PCM16, mono, little-endian, at `input_sample_rate`; an odd byte is kept for the next piece. */
    audio: string;
  };
  /** The caller's turn ends now, if one is in progress. */
  "audio.commit": {
    type: "audio.commit";
  };
  /** Discard the audio of the current turn. */
  "audio.clear": {
    type: "audio.clear";
  };
  /** A turn that the caller typed; starts no response. */
  "text.input": {
    type: "text.input";
    /** 1 to 32,000 characters. */
    text: string;
  };
  /** An image of the conversation; starts no response. */
  "image.input": {
    type: "image.input";
    /** A base64 `data:image/…` URI. */
    image_url: string;
    /** How closely the model looks, in its provider's words. Default: "auto". */
    image_detail?: string | null;
    /** What the model should know about it, at most 32,000 characters. Default: "". */
    text?: string | null;
  };
  /** Respond now. */
  "response.create": {
    type: "response.create";
  };
  /** Stop the current response. */
  "response.cancel": {
    type: "response.cancel";
  };
  /** The answer to a `tool.call`; after the last one of a response, the agent responds. */
  "tool.result": {
    type: "tool.result";
    /** The id of the `tool.call`. */
    tool_call_id: string;
    /** What the tool returned; the model gets a string as it is, anything else as JSON. */
    tool_result: unknown;
  };
}

export type ClientEvent = ClientEvents[keyof ClientEvents];

/** What the server sends, by its `type`. */
export interface ServerEvents {
  /** The session is open; the client may send audio. */
  "session.started": {
    type: "session.started";
    /** `sess_…`, the mint's `id` if there was a ticket. */
    session_id: string;
    /** Of `audio.append`, in Hz. */
    input_sample_rate: number;
    /** Of `audio.delta`, in Hz. */
    output_sample_rate: number;
    /** The only one there is. */
    audio_format: "pcm16";
    /** `call_…`, the session's call on the other surfaces. */
    call_id: string;
    /** The same call's `callUuid`. */
    call_uuid: string;
    /** The old name of both rates, only if they are equal. */
    sample_rate?: number;
    /** Sentences that name unknown or useless members of the config, at most 10; only if there are any. */
    warnings?: readonly string[];
  };
  /** The config changed, by `session.update`. */
  "session.updated": {
    type: "session.updated";
    /** The whole config, as the session runs with it now. */
    config: SessionConfig;
    /** As in `session.started`, about the members of this update. */
    warnings?: readonly string[];
  };
  /** The caller began to speak: stop what is playing. */
  "speech.started": {
    type: "speech.started";
  };
  /** The caller stopped speaking. */
  "speech.stopped": {
    type: "speech.stopped";
  };
  /** The whole of what the caller said; only with `input_transcription`. */
  "transcript.committed": {
    type: "transcript.committed";
    /** The text of the turn. */
    transcript: string;
    /** `false` if the speech could not be recognised; `transcript` is empty then. */
    recognized?: boolean;
  };
  /** A response began. */
  "response.started": {
    type: "response.started";
  };
  /** A piece of what the agent says, sent with its audio; only with `output_transcription`, or with `text` among the `modalities`. */
  "text.delta": {
    type: "text.delta";
    /** The piece; the pieces together are the text. */
    delta: string;
  };
  /** A piece of the agent's speech. */
  "audio.delta": {
    type: "audio.delta";
    /** Base64 of whole samples of PCM16, mono, little-endian, at `output_sample_rate`. */
    audio: string;
  };
  /** Run a tool, and answer with `tool.result`. */
  "tool.call": {
    type: "tool.call";
    /** Its id, for the answer. */
    tool_call_id: string;
    /** One of the config's `tools`. */
    tool_name: string;
    /** The arguments; `{}` if there are none. */
    tool_arguments: Record<string, unknown>;
  };
  /** The response is over: it was played, or cut off by the caller, the client or a failure. */
  "response.completed": {
    type: "response.completed";
    /** `true` if it was cut off. */
    interrupted?: boolean;
    /** What was heard of one that was cut off: a beginning of its text, up to a whole word; only where `text.delta` is sent, and not for text alone. */
    spoken_text?: string;
    /** How long the answer took to begin, from the last audio of the user's speech to its first chunk; absent where no speech came before. */
    latency?: { total_ms: number; voice_ms: number; gateway_ms: number };
  };
  /** 80 % of a limit is used, the ticket's or the server's; once for each reason, for idleness once in each silence. */
  "session.warning": {
    type: "session.warning";
    /** The code that `session.terminating` will have. */
    reason: "max_duration" | "idle_timeout" | "budget_exhausted";
    /** What is left, in the unit of the limit: seconds, or for a budget the unit of which most is used: tokens, seconds of audio, or USD. */
    remaining: number;
  };
  /** The session continues on another connection to a model; rates and voice ids stay as they are. */
  "session.resumed": {
    type: "session.resumed";
    /** `rollover`: as planned, before the provider's time limit; `reconnect`: the connection was lost; `fallback`: the model was lost, and another one speaks. */
    reason: "rollover" | "reconnect" | "fallback";
    /** The model that speaks from here on. */
    model: string;
  };
  /** A voice has used something, since it last reported; only with `usage_events`. A last one comes right before `session.terminating`, be it of nothing. */
  "session.usage": {
    type: "session.usage";
    /** The model that used it. */
    model: string;
    /** What for. */
    kind: "response" | "transcription" | "speech" | "session";
    /** Tokens of audio that the model was given. */
    audio_in_tokens: number;
    /** Tokens of audio that the provider took from its cache. */
    audio_cached_tokens: number;
    /** Tokens of speech that the model produced. */
    audio_out_tokens: number;
    /** Tokens of text that the model was given, tools included. */
    text_in_tokens: number;
    /** Tokens of text that the provider took from its cache. */
    text_cached_tokens: number;
    /** Tokens of text that the model produced, thoughts included. */
    text_out_tokens: number;
    /** Seconds that are billed by time. */
    seconds: number;
    /** Texts that are billed by the item. */
    text_items: number;
    /** What it costs by the price list, in US dollars. */
    usd: number;
  };
  /** Something went wrong; the session continues. */
  "error": {
    type: "error";
    /** What went wrong. */
    error: { code: SessionErrorCode; message: string; details?: string };
  };
  /** The session ends; the close frame follows. */
  "session.terminating": {
    type: "session.terminating";
    /** Why it ends. */
    error: { code: SessionEndCode; message: string; details?: { model: string; cause: string } };
  };
}

export type ServerEvent = ServerEvents[keyof ServerEvents];
