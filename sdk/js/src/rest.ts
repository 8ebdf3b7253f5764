// Made by `python -m sdk.generate` from the server's tables. Do not edit.

import type { Timestamp, UntypedMap } from "./types.js";

/** The `error_code` of a refusal. */
export type V1ErrorCode =
  | "INVALID_ARGUMENT"
  | "RESOURCE_NOT_AVAILABLE_ON_TIER"
  | "UNAUTHENTICATED"
  | "QUOTA_EXCEEDED"
  | "WORKSPACE_BLOCKED"
  | "INSUFFICIENT_BALANCE"
  | "PERMISSION_DENIED"
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "ALREADY_EXISTS"
  | "IDEMPOTENCY_CONFLICT"
  | "CALL_WINDOW_RESTRICTED"
  | "OPT_OUT_ENFORCED"
  | "CONVERSATION_WINDOW_CLOSED"
  | "UPGRADE_REQUIRED"
  | "RATE_LIMITED"
  | "INTERNAL"
  | "CALL_FAILED"
  | "MESSAGE_FAILED"
  | "AGENT_BUSY"
  | "UNAVAILABLE"
  | "DEADLINE_EXCEEDED";

/** The body of every refusal. */
export interface V1Error {
  error_code: V1ErrorCode;
  message: string;
  request_id: string;
  documentation_url: string;
}

/** The workspace. */
export interface V1GetWorkspaceAnswer {
  /** The workspace, `ws_…`. */
  id: string;
  /** Its name. */
  name: string;
  /** How much it may use; set by the operator. */
  tier: "starter" | "builder" | "scale" | "payg";
  /** Kept for your reference: events go to the URLs of agents and to webhook endpoints. */
  webhook_url: string | null;
  /** For how many days settled deliveries of webhooks are kept, and recordings, but these for 30 at most; events and calls are kept in this version. */
  retention_days: number;
  /** The origins of the pages that may open its sockets and streams; none means all that the server allows. */
  allowed_origins: readonly (string)[];
  /** When it was created. */
  created_at: Timestamp;
  /** When it was last changed. */
  updated_at: Timestamp;
}

/** The body of: Change the workspace. */
export interface V1UpdateWorkspaceBody {
  /** Its name. Default: unchanged. */
  name?: string;
  /** An `https` URL, for your reference. Default: unchanged. */
  webhook_url?: string | null;
  /** 1 to 3,650. Default: unchanged. */
  retention_days?: number;
  /** At most 50 origins of the pages that may open its sockets and streams, as browsers send them: `https://app.example.com`. `[]` means all that the server allows. Default: unchanged. */
  allowed_origins?: readonly (string)[];
}

/** The workspace as it is now. */
export interface V1UpdateWorkspaceAnswer {
  /** The workspace, `ws_…`. */
  id: string;
  /** Its name. */
  name: string;
  /** How much it may use; set by the operator. */
  tier: "starter" | "builder" | "scale" | "payg";
  /** Kept for your reference: events go to the URLs of agents and to webhook endpoints. */
  webhook_url: string | null;
  /** For how many days settled deliveries of webhooks are kept, and recordings, but these for 30 at most; events and calls are kept in this version. */
  retention_days: number;
  /** The origins of the pages that may open its sockets and streams; none means all that the server allows. */
  allowed_origins: readonly (string)[];
  /** When it was created. */
  created_at: Timestamp;
  /** When it was last changed. */
  updated_at: Timestamp;
}

/** The query of: Delete the workspace. */
export interface V1DeleteWorkspaceQuery {
  /** The workspace's id, so that nothing else goes. */
  confirm: string;
}

/** The switch. */
export interface V1GetRecordingSwitchAnswer {
  /** Whether calls may be recorded; which ones are, each agent's settings say. */
  enabled: boolean;
}

/** The body of: Switch recordings on or off. */
export interface V1SwitchRecordingBody {
  /** Whether calls may be recorded. */
  enabled: boolean;
}

/** The switch as it is now. */
export interface V1SwitchRecordingAnswer {
  /** Whether calls may be recorded; which ones are, each agent's settings say. */
  enabled: boolean;
}

/** The body of: Create an agent. */
export interface V1CreateAgentBody {
  /** Its name, unique in the environment. */
  display_name: string;
  /** The template that fills in what is left out. Default: none. */
  template_id?: string;
  /** What it speaks. Default: "en". */
  language?: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  /** The first half of its model. Default: "byom". */
  ai_provider?: "byom" | "openai" | "gemini" | "xai" | "local" | "cascade" | "mock";
  /** The second half of its model; null is the provider's first. Default: the provider's first. */
  ai_model?: string | null;
  /** What its model is told to do. Default: "". */
  system_prompt?: string | null;
  /** Where the events of its calls go and its tools are run; a `byom` agent must have one. Default: null. */
  webhook_url?: string | null;
  /** What it says first. Default: "". */
  greeting_text?: string | null;
  /** What is said before that. Default: "". */
  pre_call_announcement?: string | null;
  /** Whether it is shared by a link; stored, without effect in this version. Default: false. */
  shareable?: boolean;
  /** Its own tools, which `webhook_url` runs: a string that holds a JSON array in OpenAI's function form. Default: "[]". */
  tool_definitions?: string;
  /** The tools that calls run themselves. Default: []. */
  builtin_tools?: readonly (string)[];
  /** `HH:MM` in Africa/Lagos: from when it may place calls; both ends are null or neither. Default: null. */
  call_window_start?: string | null;
  /** `HH:MM`: until when. Default: null. */
  call_window_end?: string | null;
  /** Whether its calls are recorded, if the workspace's switch is on. Default: false. */
  recording_enabled?: boolean;
  /** Whether that takes the caller's consent. Default: true. */
  consent_required?: boolean;
  /** 3 to 120: after how much silence of the caller `call.idle_silence` is sent; null: never. Default: 10. */
  idle_timeout_seconds?: number | null;
}

/** The agent. */
export interface V1CreateAgentAnswer {
  /** The agent, `agt_…`. */
  agent_id: string;
  /** Its name. */
  display_name: string;
  /** The template that it began as. */
  template_id: string | null;
  /** What it speaks. */
  language: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  /** The half of its model before the first slash. */
  ai_provider: string;
  /** The half after it. */
  ai_model: string;
  /** What its model is told to do. */
  system_prompt: string;
  /** Where the events of its calls go and its tools are run. */
  webhook_url: string | null;
  /** What it says first. */
  greeting_text: string;
  /** What is said before that. */
  pre_call_announcement: string;
  /** Whether it is shared by a link; stored, without effect in this version. */
  shareable: boolean;
  /** Its own tools: a string that holds a JSON array. */
  tool_definitions: string;
  /** The tools that calls run themselves. */
  builtin_tools: readonly ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[];
  /** From when it may place calls. */
  call_window_start: string | null;
  /** Until when; null with the start: always. */
  call_window_end: string | null;
  /** Whether its calls are recorded. */
  recording_enabled: boolean;
  /** Whether that takes the caller's consent. */
  consent_required: boolean;
  /** After how much silence of the caller `call.idle_silence` is sent. */
  idle_timeout_seconds: number | null;
  /** `disabled`: it starts no sessions (`enabled` of RPC is false). */
  status: "active" | "disabled";
  /** When it was created. */
  created_at: Timestamp;
  /** When it was last changed. */
  updated_at: Timestamp;
}

/** The query of: List agents. */
export interface V1ListAgentsQuery {
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of agents. */
export interface V1ListAgentsRow {
  /** The agent, `agt_…`. */
  agent_id: string;
  /** Its name. */
  display_name: string;
  /** The template that it began as. */
  template_id: string | null;
  /** What it speaks. */
  language: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  /** The half of its model before the first slash. */
  ai_provider: string;
  /** The half after it. */
  ai_model: string;
  /** What its model is told to do. */
  system_prompt: string;
  /** Where the events of its calls go and its tools are run. */
  webhook_url: string | null;
  /** What it says first. */
  greeting_text: string;
  /** What is said before that. */
  pre_call_announcement: string;
  /** Whether it is shared by a link; stored, without effect in this version. */
  shareable: boolean;
  /** Its own tools: a string that holds a JSON array. */
  tool_definitions: string;
  /** The tools that calls run themselves. */
  builtin_tools: readonly ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[];
  /** From when it may place calls. */
  call_window_start: string | null;
  /** Until when; null with the start: always. */
  call_window_end: string | null;
  /** Whether its calls are recorded. */
  recording_enabled: boolean;
  /** Whether that takes the caller's consent. */
  consent_required: boolean;
  /** After how much silence of the caller `call.idle_silence` is sent. */
  idle_timeout_seconds: number | null;
  /** `disabled`: it starts no sessions (`enabled` of RPC is false). */
  status: "active" | "disabled";
  /** When it was created. */
  created_at: Timestamp;
  /** When it was last changed. */
  updated_at: Timestamp;
}

/** A page of agents; without a token it is the last. */
export interface V1ListAgentsAnswer {
  agents: V1ListAgentsRow[];
  next_page_token?: string;
}

/** The agent. */
export interface V1GetAgentAnswer {
  /** The agent, `agt_…`. */
  agent_id: string;
  /** Its name. */
  display_name: string;
  /** The template that it began as. */
  template_id: string | null;
  /** What it speaks. */
  language: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  /** The half of its model before the first slash. */
  ai_provider: string;
  /** The half after it. */
  ai_model: string;
  /** What its model is told to do. */
  system_prompt: string;
  /** Where the events of its calls go and its tools are run. */
  webhook_url: string | null;
  /** What it says first. */
  greeting_text: string;
  /** What is said before that. */
  pre_call_announcement: string;
  /** Whether it is shared by a link; stored, without effect in this version. */
  shareable: boolean;
  /** Its own tools: a string that holds a JSON array. */
  tool_definitions: string;
  /** The tools that calls run themselves. */
  builtin_tools: readonly ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[];
  /** From when it may place calls. */
  call_window_start: string | null;
  /** Until when; null with the start: always. */
  call_window_end: string | null;
  /** Whether its calls are recorded. */
  recording_enabled: boolean;
  /** Whether that takes the caller's consent. */
  consent_required: boolean;
  /** After how much silence of the caller `call.idle_silence` is sent. */
  idle_timeout_seconds: number | null;
  /** `disabled`: it starts no sessions (`enabled` of RPC is false). */
  status: "active" | "disabled";
  /** When it was created. */
  created_at: Timestamp;
  /** When it was last changed. */
  updated_at: Timestamp;
}

/** The body of: Change an agent. */
export interface V1UpdateAgentBody {
  /** Its name, unique in the environment. Default: unchanged. */
  display_name?: string;
  /** What it speaks. Default: unchanged. */
  language?: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  /** The first half of its model. Default: unchanged. */
  ai_provider?: "byom" | "openai" | "gemini" | "xai" | "local" | "cascade" | "mock";
  /** The second half of its model; null is the provider's first. Default: unchanged. */
  ai_model?: string | null;
  /** What its model is told to do. Default: unchanged. */
  system_prompt?: string | null;
  /** Where the events of its calls go and its tools are run; a `byom` agent must have one. Default: unchanged. */
  webhook_url?: string | null;
  /** What it says first. Default: unchanged. */
  greeting_text?: string | null;
  /** What is said before that. Default: unchanged. */
  pre_call_announcement?: string | null;
  /** Whether it is shared by a link; stored, without effect in this version. Default: unchanged. */
  shareable?: boolean;
  /** Its own tools, which `webhook_url` runs: a string that holds a JSON array in OpenAI's function form. Default: unchanged. */
  tool_definitions?: string;
  /** The tools that calls run themselves. Default: unchanged. */
  builtin_tools?: readonly (string)[];
  /** `HH:MM` in Africa/Lagos: from when it may place calls; both ends are null or neither. Default: unchanged. */
  call_window_start?: string | null;
  /** `HH:MM`: until when. Default: unchanged. */
  call_window_end?: string | null;
  /** Whether its calls are recorded, if the workspace's switch is on. Default: unchanged. */
  recording_enabled?: boolean;
  /** Whether that takes the caller's consent. Default: unchanged. */
  consent_required?: boolean;
  /** 3 to 120: after how much silence of the caller `call.idle_silence` is sent; null: never. Default: unchanged. */
  idle_timeout_seconds?: number | null;
}

/** The agent as it is now. */
export interface V1UpdateAgentAnswer {
  /** The agent, `agt_…`. */
  agent_id: string;
  /** Its name. */
  display_name: string;
  /** The template that it began as. */
  template_id: string | null;
  /** What it speaks. */
  language: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  /** The half of its model before the first slash. */
  ai_provider: string;
  /** The half after it. */
  ai_model: string;
  /** What its model is told to do. */
  system_prompt: string;
  /** Where the events of its calls go and its tools are run. */
  webhook_url: string | null;
  /** What it says first. */
  greeting_text: string;
  /** What is said before that. */
  pre_call_announcement: string;
  /** Whether it is shared by a link; stored, without effect in this version. */
  shareable: boolean;
  /** Its own tools: a string that holds a JSON array. */
  tool_definitions: string;
  /** The tools that calls run themselves. */
  builtin_tools: readonly ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[];
  /** From when it may place calls. */
  call_window_start: string | null;
  /** Until when; null with the start: always. */
  call_window_end: string | null;
  /** Whether its calls are recorded. */
  recording_enabled: boolean;
  /** Whether that takes the caller's consent. */
  consent_required: boolean;
  /** After how much silence of the caller `call.idle_silence` is sent. */
  idle_timeout_seconds: number | null;
  /** `disabled`: it starts no sessions (`enabled` of RPC is false). */
  status: "active" | "disabled";
  /** When it was created. */
  created_at: Timestamp;
  /** When it was last changed. */
  updated_at: Timestamp;
}

/** The body of: Share an agent, or stop sharing it. */
export interface V1ShareAgentBody {
  /** Whether it is shared by a link; stored, without effect in this version. */
  shareable: boolean;
}

/** The agent as it is now. */
export interface V1ShareAgentAnswer {
  /** The agent, `agt_…`. */
  agent_id: string;
  /** Its name. */
  display_name: string;
  /** The template that it began as. */
  template_id: string | null;
  /** What it speaks. */
  language: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  /** The half of its model before the first slash. */
  ai_provider: string;
  /** The half after it. */
  ai_model: string;
  /** What its model is told to do. */
  system_prompt: string;
  /** Where the events of its calls go and its tools are run. */
  webhook_url: string | null;
  /** What it says first. */
  greeting_text: string;
  /** What is said before that. */
  pre_call_announcement: string;
  /** Whether it is shared by a link; stored, without effect in this version. */
  shareable: boolean;
  /** Its own tools: a string that holds a JSON array. */
  tool_definitions: string;
  /** The tools that calls run themselves. */
  builtin_tools: readonly ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[];
  /** From when it may place calls. */
  call_window_start: string | null;
  /** Until when; null with the start: always. */
  call_window_end: string | null;
  /** Whether its calls are recorded. */
  recording_enabled: boolean;
  /** Whether that takes the caller's consent. */
  consent_required: boolean;
  /** After how much silence of the caller `call.idle_silence` is sent. */
  idle_timeout_seconds: number | null;
  /** `disabled`: it starts no sessions (`enabled` of RPC is false). */
  status: "active" | "disabled";
  /** When it was created. */
  created_at: Timestamp;
  /** When it was last changed. */
  updated_at: Timestamp;
}

/** The body of: Try an agent: one turn in text. */
export interface V1AskAgentBody {
  /** What the user says. */
  message: string;
  /** What was said before, oldest first. Default: []. */
  history?: readonly ({ role: "user" | "agent"; text: string })[];
}

/** What it says. */
export interface V1AskAgentAnswer {
  /** What it says; empty if it would call tools first. */
  reply: string;
  /** The tools that it would call. */
  tool_calls: readonly ({ name: string; arguments: UntypedMap })[];
}

/** The templates. */
export interface V1ListTemplatesAnswer {
  /** The templates. */
  templates: readonly ({ template_id: string; name: string; language: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto"; greeting_text: string; system_prompt: string; builtin_tools: readonly ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[] })[];
}

/** The template. */
export interface V1GetTemplateAnswer {
  /** The template, `tpl_…`. */
  template_id: string;
  /** Its name. */
  name: string;
  /** What its agent speaks. */
  language: "en" | "ha" | "yo" | "ig" | "pcm" | "fr" | "ar" | "pt" | "auto";
  /** What its agent says first. */
  greeting_text: string;
  /** What its agent's model is told to do. */
  system_prompt: string;
  /** The built-in tools that its agent has. */
  builtin_tools: readonly ("hang_up" | "transfer_call" | "hold_call" | "resume_call")[];
}

/** The body of: Place a call. */
export interface V1PlaceCallBody {
  /** The agent who speaks. */
  agent_id: string;
  /** Whom to call, in E.164. */
  to_number: string;
  /** Whose call it is, in E.164; any number in the sandbox, by convention `+234800000xxxx` (mobile virtual) or `+234100000xxxx` (Lagos). */
  from_number: string;
  /** Your own data: the call and `call.completed` repeat it. Default: null. */
  metadata?: UntypedMap | null;
}

/** The call, which has begun. */
export interface V1PlaceCallAnswer {
  /** The call, `call_…`. */
  call_id: string;
  /** How it stands. */
  status: "initiated";
  /** Seen from you. */
  direction: "outbound";
  /** As it was given, in E.164. */
  from_number: string;
  /** As it was given, in E.164. */
  to_number: string;
  /** When it began. */
  started_at: Timestamp;
}

/** The query of: List calls. */
export interface V1ListCallsQuery {
  /** Only those of this agent. Default: none. */
  agent_id?: string;
  /** Only those in this state. Default: none. */
  status?: "initiated" | "ringing" | "in_progress" | "held" | "completed" | "failed" | "busy" | "no_answer" | "canceled";
  /** Only those. Default: none. */
  direction?: "inbound" | "outbound";
  /** Only those from this number. Default: none. */
  from_number?: string;
  /** Only those to this number. Default: none. */
  to_number?: string;
  /** Only those that began then or later. Default: none. */
  started_after?: Timestamp;
  /** Only those that began before then. Default: none. */
  started_before?: Timestamp;
  /** Only those of this campaign, which are none in this version. Default: none. */
  campaign_id?: string;
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of calls. */
export interface V1ListCallsRow {
  /** The call, `call_…`. */
  call_id: string;
  /** The agent on the call, `agt_…`. */
  agent_id: string | null;
  /** Its state. */
  status: "initiated" | "ringing" | "in_progress" | "held" | "completed" | "failed" | "busy" | "no_answer" | "canceled";
  /** Its direction. */
  direction: "inbound" | "outbound";
  /** Who called: a number, an address, `web:…`. */
  from_number: string;
  /** Who was called: a number, an address, `agent:agt_…`. */
  to_number: string;
  /** When it began. */
  started_at: Timestamp;
  /** When it ended; null while it runs. */
  ended_at: Timestamp | null;
  /** From the answer to the end, 0 without an answer; null while it runs. */
  duration_seconds: number | null;
  /** Why it ended; null while it runs. */
  disposition: "caller_hangup" | "agent_hangup" | "api_hangup" | "transferred" | "no_answer" | "busy" | "failed" | "idle_timeout" | "agent_error" | null;
  /** The provider of the agent's model. */
  ai_mode: string | null;
  /** What carries its audio. */
  transport: "websocket" | "sip" | "webrtc" | "esl";
  /** The path of its recording on this server; null while it runs, and if there is none. */
  recording_url: string | null;
  /** `resolved` if the agent spoke after the caller, and one of them or an order ended the call; null while it runs, and where nobody knows what was said: a call that lives elsewhere, or ended before Ringline kept this. */
  resolution: "resolved" | "unresolved" | null;
  /** When `resolution` was decided: when the call ended. */
  classified_at: Timestamp | null;
  /** What was given with the call. */
  metadata: UntypedMap | null;
  /** The campaign; null in this version. */
  campaign_id: string | null;
  /** The audio quality; null in this version. */
  quality_mos: number | null;
  /** The carrier; null in this version. */
  mno_used: string | null;
}

/** A page of calls; without a token it is the last. */
export interface V1ListCallsAnswer {
  calls: V1ListCallsRow[];
  next_page_token?: string;
}

/** The call. */
export interface V1GetCallAnswer {
  /** The call, `call_…`. */
  call_id: string;
  /** The agent on the call, `agt_…`. */
  agent_id: string | null;
  /** Its state. */
  status: "initiated" | "ringing" | "in_progress" | "held" | "completed" | "failed" | "busy" | "no_answer" | "canceled";
  /** Its direction. */
  direction: "inbound" | "outbound";
  /** Who called: a number, an address, `web:…`. */
  from_number: string;
  /** Who was called: a number, an address, `agent:agt_…`. */
  to_number: string;
  /** When it began. */
  started_at: Timestamp;
  /** When it ended; null while it runs. */
  ended_at: Timestamp | null;
  /** From the answer to the end, 0 without an answer; null while it runs. */
  duration_seconds: number | null;
  /** Why it ended; null while it runs. */
  disposition: "caller_hangup" | "agent_hangup" | "api_hangup" | "transferred" | "no_answer" | "busy" | "failed" | "idle_timeout" | "agent_error" | null;
  /** The provider of the agent's model. */
  ai_mode: string | null;
  /** What carries its audio. */
  transport: "websocket" | "sip" | "webrtc" | "esl";
  /** The path of its recording on this server; null while it runs, and if there is none. */
  recording_url: string | null;
  /** `resolved` if the agent spoke after the caller, and one of them or an order ended the call; null while it runs, and where nobody knows what was said: a call that lives elsewhere, or ended before Ringline kept this. */
  resolution: "resolved" | "unresolved" | null;
  /** When `resolution` was decided: when the call ended. */
  classified_at: Timestamp | null;
  /** What was given with the call. */
  metadata: UntypedMap | null;
  /** The campaign; null in this version. */
  campaign_id: string | null;
  /** The audio quality; null in this version. */
  quality_mos: number | null;
  /** The carrier; null in this version. */
  mno_used: string | null;
  /** The finished turns, in the order in which they were said; null if they are over 4 MiB. */
  transcript: readonly ({ turn_id: string; role: "user" | "agent"; text: string; ts: Timestamp; interrupted?: boolean; spoken_text?: string; recognized?: boolean })[] | null;
}

/** The finished turns. */
export interface V1GetCallTranscriptAnswer {
  /** The call, `call_…`. */
  call_id: string;
  /** The finished turns, in the order in which they were said. */
  turns: readonly ({ turn_id: string; role: "user" | "agent"; text: string; ts: Timestamp; interrupted?: boolean; spoken_text?: string; recognized?: boolean })[];
}

/** It is done. */
export interface V1HoldCallAnswer {
  /** What was done. */
  status: "held";
}

/** It is done. */
export interface V1ResumeCallAnswer {
  /** What was done. */
  status: "resumed";
}

/** The body of: Transfer a call. */
export interface V1TransferCallBody {
  /** A number in E.164. */
  destination: string;
}

/** It is done. */
export interface V1TransferCallAnswer {
  /** What was done. */
  status: "transferring";
}

/** The body of: Send digits to a call. */
export interface V1SendDigitsBody {
  /** 1 to 64 of `0-9`, `A-D`, `*`, `#`, and `,` for a pause. */
  digits: string;
}

/** It is done. */
export interface V1SendDigitsAnswer {
  /** What was done. */
  status: "sent";
}

/** The body of: Mint a token that plays recordings in a browser. */
export interface V1CreatePlaybackTokenBody {
  /** A secret key. */
  api_key: string;
}

/** The token. */
export interface V1CreatePlaybackTokenAnswer {
  /** The token, for as many uses as you like. */
  token: string;
  /** Until when it can be used. */
  expires_at: Timestamp;
}

/** The body of: Send a message. */
export interface V1SendMessageBody {
  /** The agent whose thread it is. */
  agent_id: string;
  /** How it is carried. */
  channel: "sms" | "whatsapp";
  /** The number of yours that it comes from, in E.164; any number in the sandbox. */
  from_number: string;
  /** Whom it is for, in E.164. */
  to_number: string;
  /** Its text. Default: none; required of a text. */
  body?: string;
  /** What it holds; an SMS holds text. Default: text. */
  message_type?: "text" | "image" | "audio" | "document" | "video" | "interactive";
  /** Where its media is, http or https; required of media. Default: none. */
  media_url?: string;
  /** What is written below its media. Default: none. */
  media_caption?: string;
  /** The object that WhatsApp defines, passed through; required of an interactive message. Default: none. */
  interactive?: UntypedMap;
}

/** The message, which is queued. */
export interface V1SendMessageAnswer {
  /** The message, `msg_…`. */
  message_id: string;
  /** Its thread, `conv_…`. */
  conversation_id: string;
  /** How it is carried. */
  channel: "sms" | "whatsapp";
  /** How it stands. */
  status: "queued";
  /** Who sent it, in E.164. */
  from_number: string;
  /** Whom it is for, in E.164. */
  to_number: string;
  /** The parts of an SMS; absent elsewhere. */
  segments?: number;
  /** When it was accepted, or came in. */
  created_at: Timestamp;
}

/** The body of: Send a WhatsApp template. */
export interface V1SendTemplateBody {
  /** The agent whose thread it is. */
  agent_id: string;
  /** The number of yours that it comes from, in E.164; any number in the sandbox. */
  from_number: string;
  /** Whom it is for, in E.164. */
  to_number: string;
  /** The template, as WhatsApp knows it. */
  template_name: string;
  /** Its language: `en`, `en_US`. */
  language_code: string;
  /** What its gaps are filled with. Default: []. */
  parameters?: readonly (string)[];
}

/** The message, which is queued. */
export interface V1SendTemplateAnswer {
  /** The message, `msg_…`. */
  message_id: string;
  /** Its thread, `conv_…`. */
  conversation_id: string;
  /** How it is carried. */
  channel: "sms" | "whatsapp";
  /** How it stands. */
  status: "queued";
  /** Who sent it, in E.164. */
  from_number: string;
  /** Whom it is for, in E.164. */
  to_number: string;
  /** The parts of an SMS; absent elsewhere. */
  segments?: number;
  /** When it was accepted, or came in. */
  created_at: Timestamp;
}

/** The query of: List messages. */
export interface V1ListMessagesQuery {
  /** Only those of this thread. Default: none. */
  conversation_id?: string;
  /** Only those of this agent. Default: none. */
  agent_id?: string;
  /** Only those. Default: none. */
  channel?: "sms" | "whatsapp";
  /** Only those. Default: none. */
  direction?: "inbound" | "outbound";
  /** Only those in this state. Default: none. */
  status?: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of messages. */
export interface V1ListMessagesRow {
  /** The message, `msg_…`. */
  message_id: string;
  /** Its thread, `conv_…`. */
  conversation_id: string;
  /** The agent whose thread it was, `agt_…`. */
  agent_id: string | null;
  /** How it is carried. */
  channel: "sms" | "whatsapp";
  /** Seen from you. */
  direction: "inbound" | "outbound";
  /** Who wrote it. */
  sender: "ai" | "human" | "contact";
  /** What it holds. */
  message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
  /** Who sent it, in E.164. */
  from_number: string;
  /** Whom it is for, in E.164. */
  to_number: string;
  /** Its text, or what is written below its media. */
  body: string;
  /** Its state. */
  status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  /** The parts of an SMS. */
  segments: number | null;
  /** Why it was not sent or delivered. */
  error_code: string | null;
  /** Where its media is. */
  media_url: string | null;
  /** The type of media that came in. */
  mime_type: string | null;
  /** Of an interactive message. */
  interactive: UntypedMap | null;
  /** Of a message by template. */
  template_name: string | null;
  /** Of a message by template. */
  language_code: string | null;
  /** Of a message by template. */
  parameters: readonly (string)[] | null;
  /** When it was accepted, or came in. */
  created_at: Timestamp;
}

/** A page of messages; without a token it is the last. */
export interface V1ListMessagesAnswer {
  messages: V1ListMessagesRow[];
  next_page_token?: string;
}

/** The message. */
export interface V1GetMessageAnswer {
  /** The message, `msg_…`. */
  message_id: string;
  /** Its thread, `conv_…`. */
  conversation_id: string;
  /** The agent whose thread it was, `agt_…`. */
  agent_id: string | null;
  /** How it is carried. */
  channel: "sms" | "whatsapp";
  /** Seen from you. */
  direction: "inbound" | "outbound";
  /** Who wrote it. */
  sender: "ai" | "human" | "contact";
  /** What it holds. */
  message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
  /** Who sent it, in E.164. */
  from_number: string;
  /** Whom it is for, in E.164. */
  to_number: string;
  /** Its text, or what is written below its media. */
  body: string;
  /** Its state. */
  status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  /** The parts of an SMS. */
  segments: number | null;
  /** Why it was not sent or delivered. */
  error_code: string | null;
  /** Where its media is. */
  media_url: string | null;
  /** The type of media that came in. */
  mime_type: string | null;
  /** Of an interactive message. */
  interactive: UntypedMap | null;
  /** Of a message by template. */
  template_name: string | null;
  /** Of a message by template. */
  language_code: string | null;
  /** Of a message by template. */
  parameters: readonly (string)[] | null;
  /** When it was accepted, or came in. */
  created_at: Timestamp;
}

/** The body of: Let a made-up contact send a message. */
export interface V1ReceiveSandboxMessageBody {
  /** How it is carried. */
  channel: "sms" | "whatsapp";
  /** The contact's number, in E.164. */
  from_number: string;
  /** The number of yours that they write to, in E.164. */
  to_number: string;
  /** Its text. */
  body: string;
}

/** The message has come in. */
export interface V1ReceiveSandboxMessageAnswer {
  /** The message, `msg_…`. */
  message_id: string;
  /** Its thread, `conv_…`. */
  conversation_id: string;
}

/** The query of: List conversations. */
export interface V1ListConversationsQuery {
  /** Only those of this agent. Default: none. */
  agent_id?: string;
  /** Only those. Default: none. */
  channel?: "sms" | "whatsapp";
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of conversations. */
export interface V1ListConversationsRow {
  /** The conversation, `conv_…`. */
  conversation_id: string;
  /** Its agent, `agt_…`; null once that was deleted. */
  agent_id: string | null;
  /** How its messages are carried. */
  channel: "sms" | "whatsapp";
  /** The contact's number, in E.164. */
  from_number: string;
  /** The number of yours that was used last, in E.164. */
  to_number: string;
  /** Until when WhatsApp takes other messages than templates; null before the contact's first message, and of an SMS. */
  window_expires_at: Timestamp | null;
  /** Whether the contact wants no more messages. */
  opt_out: boolean;
  /** When it began. */
  created_at: Timestamp;
  /** When it changed last. */
  updated_at: Timestamp;
  /** When its last message came or went. */
  last_message_at: Timestamp | null;
}

/** A page of conversations; without a token it is the last. */
export interface V1ListConversationsAnswer {
  conversations: V1ListConversationsRow[];
  next_page_token?: string;
}

/** The query of: Get a conversation with its messages. */
export interface V1GetConversationQuery {
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: The conversation, and a page of its messages. */
export interface V1GetConversationRow {
  /** The message, `msg_…`. */
  message_id: string;
  /** Seen from you. */
  direction: "inbound" | "outbound";
  /** What it holds. */
  message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
  /** Its text, or what is written below its media. */
  body: string;
  /** Its state. */
  status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  /** When it was accepted, or came in. */
  created_at: Timestamp;
  /** Who wrote it. */
  sender: "ai" | "human" | "contact";
}

/** The conversation, and a page of its messages; without a token it is the last. */
export interface V1GetConversationAnswer {
  /** The conversation, `conv_…`. */
  conversation_id: string;
  /** Its agent, `agt_…`; null once that was deleted. */
  agent_id: string | null;
  /** How its messages are carried. */
  channel: "sms" | "whatsapp";
  /** The contact's number, in E.164. */
  from_number: string;
  /** The number of yours that was used last, in E.164. */
  to_number: string;
  /** Until when WhatsApp takes other messages than templates; null before the contact's first message, and of an SMS. */
  window_expires_at: Timestamp | null;
  /** Whether the contact wants no more messages. */
  opt_out: boolean;
  /** When it began. */
  created_at: Timestamp;
  /** When it changed last. */
  updated_at: Timestamp;
  /** When its last message came or went. */
  last_message_at: Timestamp | null;
  /** Who answers: the agent, people, or nobody until the contact writes again. */
  ai_mode: "ai" | "human" | "closed";
  messages: V1GetConversationRow[];
  next_page_token?: string;
}

/** The body of: Hand a conversation over, close it or reopen it. */
export interface V1UpdateConversationBody {
  /** Who answers: the agent, people, or nobody until the contact writes again. Default: unchanged. */
  ai_mode?: "ai" | "human" | "closed";
  /** The member of the team who does it, for `conversation.mode_changed`. Default: null. */
  actor_user_id?: string | null;
}

/** The query of: Hand a conversation over, close it or reopen it. */
export interface V1UpdateConversationQuery {
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: The conversation, and a page of its messages. */
export interface V1UpdateConversationRow {
  /** The message, `msg_…`. */
  message_id: string;
  /** Seen from you. */
  direction: "inbound" | "outbound";
  /** What it holds. */
  message_type: "text" | "image" | "audio" | "document" | "video" | "interactive" | "template";
  /** Its text, or what is written below its media. */
  body: string;
  /** Its state. */
  status: "received" | "queued" | "sent" | "delivered" | "read" | "failed" | "rejected" | "expired";
  /** When it was accepted, or came in. */
  created_at: Timestamp;
  /** Who wrote it. */
  sender: "ai" | "human" | "contact";
}

/** The conversation, and a page of its messages; without a token it is the last. */
export interface V1UpdateConversationAnswer {
  /** The conversation, `conv_…`. */
  conversation_id: string;
  /** Its agent, `agt_…`; null once that was deleted. */
  agent_id: string | null;
  /** How its messages are carried. */
  channel: "sms" | "whatsapp";
  /** The contact's number, in E.164. */
  from_number: string;
  /** The number of yours that was used last, in E.164. */
  to_number: string;
  /** Until when WhatsApp takes other messages than templates; null before the contact's first message, and of an SMS. */
  window_expires_at: Timestamp | null;
  /** Whether the contact wants no more messages. */
  opt_out: boolean;
  /** When it began. */
  created_at: Timestamp;
  /** When it changed last. */
  updated_at: Timestamp;
  /** When its last message came or went. */
  last_message_at: Timestamp | null;
  /** Who answers: the agent, people, or nobody until the contact writes again. */
  ai_mode: "ai" | "human" | "closed";
  messages: V1UpdateConversationRow[];
  next_page_token?: string;
}

/** The query of: List who wants no more messages. */
export interface V1ListOptOutsQuery {
  /** Only those of this agent. Default: none. */
  agent_id?: string;
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of opt-outs. */
export interface V1ListOptOutsRow {
  /** Whose messages they do not want, `agt_…`. */
  agent_id: string;
  /** The contact's number, in E.164. */
  number: string;
  /** On which channel. */
  channel: "sms" | "whatsapp";
  /** Since when. */
  opted_out_at: Timestamp;
}

/** A page of opt-outs; without a token it is the last. */
export interface V1ListOptOutsAnswer {
  opt_outs: V1ListOptOutsRow[];
  next_page_token?: string;
}

/** The body of: Note that a contact wants no more messages of an agent. */
export interface V1AddOptOutBody {
  /** Whose messages. */
  agent_id: string;
  /** The contact's number, in E.164. */
  number: string;
  /** On which channel. */
  channel: "sms" | "whatsapp";
}

/** The opt-out. */
export interface V1AddOptOutAnswer {
  /** Whose messages they do not want, `agt_…`. */
  agent_id: string;
  /** The contact's number, in E.164. */
  number: string;
  /** On which channel. */
  channel: "sms" | "whatsapp";
  /** Since when. */
  opted_out_at: Timestamp;
}

/** The query of: Let an agent send a contact messages again. */
export interface V1DeleteOptOutQuery {
  /** On this channel only. Default: all. */
  channel?: "sms" | "whatsapp";
}

/** The query of: Get figures about the calls of the last days. */
export interface V1GetAnalyticsQuery {
  /** How many days, today included. Default: 7. */
  days?: "7" | "30" | "90";
}

/** The figures. */
export interface V1GetAnalyticsAnswer {
  /** The calls that began on these days. */
  total_calls: number;
  /** Each of the days, oldest first; the last is today. */
  calls_per_day: readonly ({ date: string; count: number })[];
  /** The share of the calls with a `resolution` that are `resolved`, 0 to 1; 0 without any. */
  resolution_rate: number;
  /** Of the calls that were answered and have ended; 0 without any. */
  average_duration_seconds: number;
  /** The average audio quality; null in this version. */
  average_mos: number | null;
}

/** The body of: Add a number. */
export interface V1CreateNumberBody {
  /** The number, in E.164. */
  e164: string;
  /** The agent who answers it. Default: null. */
  agent_id?: string | null;
  /** What it is used for, at least one of these. Default: `voice`, `sms`, `whatsapp`. */
  channels?: readonly ("voice" | "sms" | "whatsapp")[];
}

/** The number. */
export interface V1CreateNumberAnswer {
  /** The number, `num_…`. */
  number_id: string;
  /** The number itself, in E.164. */
  e164: string;
  /** What its country's plan says of it: Nigerian geographic or mobile, or of another country; null: anything else, or a range that is not assigned. */
  type: "geo_did" | "mobile_virtual" | "intl_did" | "shortcode" | null;
  /** It is yours. */
  status: "provisioned";
  /** Who answers it, if no rule says otherwise. */
  agent_id: string | null;
  /** What it is used for. */
  channels: readonly ("voice" | "sms" | "whatsapp")[];
  /** The operator that a Nigerian mobile prefix belongs to; null for any other number. */
  mno: "MTN" | "Glo" | "Airtel" | "9mobile" | null;
  /** When it was added. */
  provisioned_at: Timestamp;
}

/** The query of: List numbers. */
export interface V1ListNumbersQuery {
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of numbers. */
export interface V1ListNumbersRow {
  /** The number, `num_…`. */
  number_id: string;
  /** The number itself, in E.164. */
  e164: string;
  /** What its country's plan says of it: Nigerian geographic or mobile, or of another country; null: anything else, or a range that is not assigned. */
  type: "geo_did" | "mobile_virtual" | "intl_did" | "shortcode" | null;
  /** It is yours. */
  status: "provisioned";
  /** Who answers it, if no rule says otherwise. */
  agent_id: string | null;
  /** What it is used for. */
  channels: readonly ("voice" | "sms" | "whatsapp")[];
  /** The operator that a Nigerian mobile prefix belongs to; null for any other number. */
  mno: "MTN" | "Glo" | "Airtel" | "9mobile" | null;
  /** When it was added. */
  provisioned_at: Timestamp;
}

/** A page of numbers; without a token it is the last. */
export interface V1ListNumbersAnswer {
  numbers: V1ListNumbersRow[];
  next_page_token?: string;
}

/** The body of: Change a number. */
export interface V1UpdateNumberBody {
  /** The agent who answers it. Default: unchanged. */
  agent_id?: string | null;
  /** What it is used for, at least one of these. Default: unchanged. */
  channels?: readonly ("voice" | "sms" | "whatsapp")[];
}

/** The number as it is now. */
export interface V1UpdateNumberAnswer {
  /** The number, `num_…`. */
  number_id: string;
  /** The number itself, in E.164. */
  e164: string;
  /** What its country's plan says of it: Nigerian geographic or mobile, or of another country; null: anything else, or a range that is not assigned. */
  type: "geo_did" | "mobile_virtual" | "intl_did" | "shortcode" | null;
  /** It is yours. */
  status: "provisioned";
  /** Who answers it, if no rule says otherwise. */
  agent_id: string | null;
  /** What it is used for. */
  channels: readonly ("voice" | "sms" | "whatsapp")[];
  /** The operator that a Nigerian mobile prefix belongs to; null for any other number. */
  mno: "MTN" | "Glo" | "Airtel" | "9mobile" | null;
  /** When it was added. */
  provisioned_at: Timestamp;
}

/** The query of: Say who would answer a number. */
export interface V1ExplainRouteQuery {
  /** What is said first, or the message's text. Default: not known. */
  utterance?: string;
  /** Whether nothing is said in time. Default: false. */
  silent?: boolean;
  /** What comes in. Default: voice. */
  channel?: "voice" | "sms" | "whatsapp";
}

/** Who, and why. */
export interface V1ExplainRouteAnswer {
  /** Who answers: an `agent`, `nobody`; `wait`: the first utterance will say; `menu`: the caller chooses by a digit. */
  outcome: "agent" | "wait" | "menu" | "nobody";
  /** `keyword`: the utterance holds the rule's keyword; `regex`: the rule's pattern is in the utterance; `default`: no keyword or pattern matched, or nothing was said; `number`: no rule has a say, it is the number's own agent; `listening`: rules wait for the first utterance, `agent_id` is who answers meanwhile; `no_match`: no rule matched and none is the default: the caller chooses by a digit; `inbound_disabled`: the number takes nothing in; `channel_not_enabled`: the number is not used for this channel; `no_agent`: neither a rule nor the number names an agent that is there; `agent_disabled`: no rule has a say, and the number's own agent is disabled. */
  why: "keyword" | "regex" | "default" | "number" | "listening" | "no_match" | "inbound_disabled" | "channel_not_enabled" | "no_agent" | "agent_disabled";
  /** The agent; while waiting, who answers meanwhile. */
  agent_id: string | null;
  /** The rule that chose the agent. */
  rule_id: string | null;
  /** The agents of a menu, by their digits from 1. */
  choices: readonly (string)[];
}

/** The body of: Create a routing rule. */
export interface V1CreateRoutingRuleBody {
  /** The number, `num_…`. */
  number_id: string;
  /** The lowest is tried first; one rule, one priority. */
  priority: number;
  /** `keyword`: it is in the utterance, in any case; `regex`: RE2 finds the pattern in it; `default`: nothing else matched. */
  match_type: "keyword" | "regex" | "default";
  /** The keyword or the pattern; ignored with `default`, else required. Default: null. */
  match_value?: string | null;
  /** The agent who answers then. */
  target_agent_id: string;
}

/** The rule. */
export interface V1CreateRoutingRuleAnswer {
  /** The rule, `rule_…`. */
  rule_id: string;
  /** The number, `num_…`. */
  number_id: string;
  /** The lowest is tried first; one rule, one priority. */
  priority: number;
  /** `keyword`: it is in the utterance, in any case; `regex`: RE2 finds the pattern in it; `default`: nothing else matched. */
  match_type: "keyword" | "regex" | "default";
  /** The keyword or the pattern; ignored with `default`. */
  match_value: string | null;
  /** The agent who answers then; null if it was deleted: the rule does not count then. */
  target_agent_id: string | null;
  /** When it was created. */
  created_at: Timestamp;
}

/** The query of: List routing rules. */
export interface V1ListRoutingRulesQuery {
  /** The number, `num_…`. Default: all numbers. */
  number_id?: string;
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of rules. */
export interface V1ListRoutingRulesRow {
  /** The rule, `rule_…`. */
  rule_id: string;
  /** The number, `num_…`. */
  number_id: string;
  /** The lowest is tried first; one rule, one priority. */
  priority: number;
  /** `keyword`: it is in the utterance, in any case; `regex`: RE2 finds the pattern in it; `default`: nothing else matched. */
  match_type: "keyword" | "regex" | "default";
  /** The keyword or the pattern; ignored with `default`. */
  match_value: string | null;
  /** The agent who answers then; null if it was deleted: the rule does not count then. */
  target_agent_id: string | null;
  /** When it was created. */
  created_at: Timestamp;
}

/** A page of rules; without a token it is the last. */
export interface V1ListRoutingRulesAnswer {
  routing_rules: V1ListRoutingRulesRow[];
  next_page_token?: string;
}

/** The body of: Change a routing rule. */
export interface V1UpdateRoutingRuleBody {
  /** The lowest is tried first; one rule, one priority. Default: unchanged. */
  priority?: number;
  /** `keyword`: it is in the utterance, in any case; `regex`: RE2 finds the pattern in it; `default`: nothing else matched. Default: unchanged. */
  match_type?: "keyword" | "regex" | "default";
  /** The keyword or the pattern; ignored with `default`, else required. Default: unchanged. */
  match_value?: string | null;
  /** The agent who answers then. Default: unchanged. */
  target_agent_id?: string;
}

/** The rule as it is now. */
export interface V1UpdateRoutingRuleAnswer {
  /** The rule, `rule_…`. */
  rule_id: string;
  /** The number, `num_…`. */
  number_id: string;
  /** The lowest is tried first; one rule, one priority. */
  priority: number;
  /** `keyword`: it is in the utterance, in any case; `regex`: RE2 finds the pattern in it; `default`: nothing else matched. */
  match_type: "keyword" | "regex" | "default";
  /** The keyword or the pattern; ignored with `default`. */
  match_value: string | null;
  /** The agent who answers then; null if it was deleted: the rule does not count then. */
  target_agent_id: string | null;
  /** When it was created. */
  created_at: Timestamp;
}

/** The body of: Create an API key. */
export interface V1CreateKeyBody {
  /** What to recognise it by. */
  label: string;
  /** The environment it is for. */
  mode: "live" | "test";
}

/** The key, shown once. */
export interface V1CreateKeyAnswer {
  /** The key, `key_…`; a rotation does not change it. */
  key_id: string;
  /** What to recognise it by; one label, one key. */
  label: string;
  /** The environment that it belongs to. */
  mode: "live" | "test";
  /** How it begins: `sk_live_` or `sk_test_`. */
  prefix: string;
  /** Its last four characters. */
  last_four: string;
  /** When it was created. */
  created_at: Timestamp;
  /** When it expires; null: never. */
  expires_at: Timestamp | null;
  /** When its secret was last used, to some seconds; null: never. */
  last_used_at: Timestamp | null;
  /** The key itself; shown only here. */
  key: string;
}

/** The query of: List API keys. */
export interface V1ListKeysQuery {
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of keys. */
export interface V1ListKeysRow {
  /** The key, `key_…`; a rotation does not change it. */
  key_id: string;
  /** What to recognise it by; one label, one key. */
  label: string;
  /** The environment that it belongs to. */
  mode: "live" | "test";
  /** How it begins: `sk_live_` or `sk_test_`. */
  prefix: string;
  /** Its last four characters. */
  last_four: string;
  /** When it was created. */
  created_at: Timestamp;
  /** When it expires; null: never. */
  expires_at: Timestamp | null;
  /** When its secret was last used, to some seconds; null: never. */
  last_used_at: Timestamp | null;
}

/** A page of keys; without a token it is the last. */
export interface V1ListKeysAnswer {
  keys: V1ListKeysRow[];
  next_page_token?: string;
}

/** The key with its new secret, shown once. */
export interface V1RotateKeyAnswer {
  /** The key, `key_…`; a rotation does not change it. */
  key_id: string;
  /** What to recognise it by; one label, one key. */
  label: string;
  /** The environment that it belongs to. */
  mode: "live" | "test";
  /** How it begins: `sk_live_` or `sk_test_`. */
  prefix: string;
  /** Its last four characters. */
  last_four: string;
  /** When it was created. */
  created_at: Timestamp;
  /** When it expires; null: never. */
  expires_at: Timestamp | null;
  /** When its secret was last used, to some seconds; null: never. */
  last_used_at: Timestamp | null;
  /** The key itself; shown only here. */
  key: string;
}

/** The body of: Create a webhook endpoint. */
export interface V1CreateWebhookEndpointBody {
  /** Where events are sent: https, and a public address. */
  url: string;
  /** Types, families (`call.*`), or `*` for everything. Default: ["*"]. */
  events?: readonly (string)[];
  /** Whether events are owed to it. Default: true. */
  enabled?: boolean;
  /** Your words about it. Default: null. */
  description?: string | null;
}

/** The endpoint, with its secret. */
export interface V1CreateWebhookEndpointAnswer {
  /** The endpoint, `whe_…`. */
  endpoint_id: string;
  /** Where events are sent. */
  url: string;
  /** The types, families (`call.*`) or `*` that it gets. */
  events: readonly (string)[];
  /** Whether anything is owed to it. */
  enabled: boolean;
  /** Its owner's words about it. */
  description: string | null;
  /** `paused`: what is owed waits; `failing`: nothing was answered with 2xx for a day, and each new event has one attempt. */
  status: "active" | "failing" | "paused";
  /** When it was created. */
  created_at: Timestamp;
  /** `whsec_…`, which signs (Standard Webhooks 1.0); shown only here. */
  secret: string;
}

/** The query of: List webhook endpoints. */
export interface V1ListWebhookEndpointsQuery {
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of endpoints. */
export interface V1ListWebhookEndpointsRow {
  /** The endpoint, `whe_…`. */
  endpoint_id: string;
  /** Where events are sent. */
  url: string;
  /** The types, families (`call.*`) or `*` that it gets. */
  events: readonly (string)[];
  /** Whether anything is owed to it. */
  enabled: boolean;
  /** Its owner's words about it. */
  description: string | null;
  /** `paused`: what is owed waits; `failing`: nothing was answered with 2xx for a day, and each new event has one attempt. */
  status: "active" | "failing" | "paused";
  /** When it was created. */
  created_at: Timestamp;
}

/** A page of endpoints; without a token it is the last. */
export interface V1ListWebhookEndpointsAnswer {
  webhook_endpoints: V1ListWebhookEndpointsRow[];
  next_page_token?: string;
}

/** The endpoint. */
export interface V1GetWebhookEndpointAnswer {
  /** The endpoint, `whe_…`. */
  endpoint_id: string;
  /** Where events are sent. */
  url: string;
  /** The types, families (`call.*`) or `*` that it gets. */
  events: readonly (string)[];
  /** Whether anything is owed to it. */
  enabled: boolean;
  /** Its owner's words about it. */
  description: string | null;
  /** `paused`: what is owed waits; `failing`: nothing was answered with 2xx for a day, and each new event has one attempt. */
  status: "active" | "failing" | "paused";
  /** When it was created. */
  created_at: Timestamp;
}

/** The body of: Change a webhook endpoint. */
export interface V1UpdateWebhookEndpointBody {
  /** Where events are sent: https, and a public address. Default: unchanged. */
  url?: string;
  /** Types, families (`call.*`), or `*` for everything. Default: unchanged. */
  events?: readonly (string)[];
  /** Whether events are owed to it. Default: unchanged. */
  enabled?: boolean;
  /** Your words about it. Default: unchanged. */
  description?: string | null;
}

/** The endpoint as it is now. */
export interface V1UpdateWebhookEndpointAnswer {
  /** The endpoint, `whe_…`. */
  endpoint_id: string;
  /** Where events are sent. */
  url: string;
  /** The types, families (`call.*`) or `*` that it gets. */
  events: readonly (string)[];
  /** Whether anything is owed to it. */
  enabled: boolean;
  /** Its owner's words about it. */
  description: string | null;
  /** `paused`: what is owed waits; `failing`: nothing was answered with 2xx for a day, and each new event has one attempt. */
  status: "active" | "failing" | "paused";
  /** When it was created. */
  created_at: Timestamp;
}

/** The endpoint, with its new secret. */
export interface V1RotateWebhookEndpointSecretAnswer {
  /** The endpoint, `whe_…`. */
  endpoint_id: string;
  /** Where events are sent. */
  url: string;
  /** The types, families (`call.*`) or `*` that it gets. */
  events: readonly (string)[];
  /** Whether anything is owed to it. */
  enabled: boolean;
  /** Its owner's words about it. */
  description: string | null;
  /** `paused`: what is owed waits; `failing`: nothing was answered with 2xx for a day, and each new event has one attempt. */
  status: "active" | "failing" | "paused";
  /** When it was created. */
  created_at: Timestamp;
  /** `whsec_…`, which signs (Standard Webhooks 1.0); shown only here. */
  secret: string;
  /** Until when the previous secret signs as well. */
  previous_expires_at: Timestamp;
}

/** The endpoint as it is now. */
export interface V1PauseWebhookEndpointAnswer {
  /** The endpoint, `whe_…`. */
  endpoint_id: string;
  /** Where events are sent. */
  url: string;
  /** The types, families (`call.*`) or `*` that it gets. */
  events: readonly (string)[];
  /** Whether anything is owed to it. */
  enabled: boolean;
  /** Its owner's words about it. */
  description: string | null;
  /** `paused`: what is owed waits; `failing`: nothing was answered with 2xx for a day, and each new event has one attempt. */
  status: "active" | "failing" | "paused";
  /** When it was created. */
  created_at: Timestamp;
}

/** The endpoint as it is now. */
export interface V1ResumeWebhookEndpointAnswer {
  /** The endpoint, `whe_…`. */
  endpoint_id: string;
  /** Where events are sent. */
  url: string;
  /** The types, families (`call.*`) or `*` that it gets. */
  events: readonly (string)[];
  /** Whether anything is owed to it. */
  enabled: boolean;
  /** Its owner's words about it. */
  description: string | null;
  /** `paused`: what is owed waits; `failing`: nothing was answered with 2xx for a day, and each new event has one attempt. */
  status: "active" | "failing" | "paused";
  /** When it was created. */
  created_at: Timestamp;
}

/** The body of: Send a test event to a webhook endpoint. */
export interface V1TestWebhookEndpointBody {
  /** The type of the event. */
  event_type: "call.created" | "call.ringing" | "call.answered" | "call.participant_joined" | "call.participant_left" | "call.turn_completed" | "call.barge_in" | "call.idle_silence" | "call.held" | "call.resumed" | "call.transferred" | "call.audit" | "call.ended" | "contact.created" | "contact.updated" | "contact.deleted" | "conversation.created" | "conversation.updated" | "conversation.mode_changed" | "communication.message.received" | "communication.message.sent" | "communication.message.delivered" | "communication.message.read" | "communication.message.dlr" | "communication.message.failed" | "communication.message.send_failed" | "communication.message.opt_out" | "window.closing";
}

/** What became of it. */
export interface V1TestWebhookEndpointAnswer {
  /** `del_test_…`, as the test's header says. */
  delivery_id: string;
  /** What became of it. */
  status: "delivered" | "failed";
  /** The type that was sent. */
  event_type: string;
  /** The answer's status; null without one. */
  response_code: number | null;
  /** How long it took, in milliseconds. */
  response_time_ms: number;
  /** Why there was no answer, or none that counts. */
  error: "timeout" | "dns" | "refused" | "reset" | "tls" | "address_not_allowed" | "redirect" | "closed" | null;
}

/** The body of: Send a webhook endpoint again what it missed. */
export interface V1RecoverWebhookEndpointBody {
  /** A time (`2026-11-20T09:15:00Z`), a position or an event id; `0` is the beginning. */
  since: string;
}

/** The events are being sent. */
export interface V1RecoverWebhookEndpointAnswer {
  /** How many events are sent again. */
  count: number;
}

/** The body of: Send a test event to a URL or to an agent. */
export interface V1TestWebhookBody {
  /** Where to send it. Default: the agent's. */
  webhook_url?: string;
  /** Whose event it is. Default: none. */
  agent_id?: string;
  /** The type of the event. */
  event_type: "call.initiated" | "call.transcription" | "call.completed" | "message.received";
}

/** What became of it. */
export interface V1TestWebhookAnswer {
  /** `del_test_…`, as the test's header says. */
  delivery_id: string;
  /** What became of it. */
  status: "delivered" | "failed";
  /** The type that was sent. */
  event_type: string;
  /** The answer's status; null without one. */
  response_code: number | null;
  /** How long it took, in milliseconds. */
  response_time_ms: number;
  /** Why there was no answer, or none that counts. */
  error: "timeout" | "dns" | "refused" | "reset" | "tls" | "address_not_allowed" | "redirect" | "closed" | null;
}

/** The query of: List deliveries of webhooks. */
export interface V1ListWebhookDeliveriesQuery {
  /** Only those for this agent. Default: none. */
  agent_id?: string;
  /** Only those for this endpoint. Default: none. */
  endpoint_id?: string;
  /** Only those of this event. Default: none. */
  event_id?: string;
  /** Only those of this type, as sent. Default: none. */
  event_type?: string;
  /** Only those that stand so. Default: none. */
  status?: "pending" | "delivered" | "dead";
  /** How many at most, 1 to 100. Default: 20. */
  page_size?: number;
  /** `next_page_token` of the page before; only with the same parameters. Default: none. */
  page_token?: string;
}

/** One of: A page of deliveries. */
export interface V1ListWebhookDeliveriesRow {
  /** The delivery, `del_…`. */
  delivery_id: string;
  /** The event, `evt_…`: the same on every surface. */
  event_id: string;
  /** The event's type, as it is sent there. */
  event_type: string;
  /** The agent whose `webhook_url` it is for. */
  agent_id: string | null;
  /** The endpoint that it is for. */
  endpoint_id: string | null;
  /** Where the next attempt goes; null if that is gone. */
  url: string | null;
  /** Where it stands. */
  status: "pending" | "delivered" | "dead";
  /** How many attempts were made. */
  attempts: number;
  /** The status of the last answer; null if there was none. */
  last_response_code: number | null;
  /** When it is attempted next; null if never, or if an attempt is under way. */
  next_attempt_at: Timestamp | null;
  /** When it was owed. */
  created_at: Timestamp;
}

/** A page of deliveries; without a token it is the last. */
export interface V1ListWebhookDeliveriesAnswer {
  deliveries: V1ListWebhookDeliveriesRow[];
  next_page_token?: string;
}

/** The delivery. */
export interface V1GetWebhookDeliveryAnswer {
  /** The delivery, `del_…`. */
  delivery_id: string;
  /** The event, `evt_…`: the same on every surface. */
  event_id: string;
  /** The event's type, as it is sent there. */
  event_type: string;
  /** The agent whose `webhook_url` it is for. */
  agent_id: string | null;
  /** The endpoint that it is for. */
  endpoint_id: string | null;
  /** Where the next attempt goes; null if that is gone. */
  url: string | null;
  /** Where it stands. */
  status: "pending" | "delivered" | "dead";
  /** How many attempts were made. */
  attempts: number;
  /** The status of the last answer; null if there was none. */
  last_response_code: number | null;
  /** When it is attempted next; null if never, or if an attempt is under way. */
  next_attempt_at: Timestamp | null;
  /** When it was owed. */
  created_at: Timestamp;
  /** Its latest attempts, oldest first. */
  attempt_log: readonly ({ attempt: number; started_at: Timestamp; duration_ms: number; response_code: number | null; error: "timeout" | "dns" | "refused" | "reset" | "tls" | "address_not_allowed" | "redirect" | "closed" | null; response_body: string | null })[];
}

/** The delivery, pending. */
export interface V1RedeliverWebhookAnswer {
  /** The delivery, `del_…`. */
  delivery_id: string;
  /** The event, `evt_…`: the same on every surface. */
  event_id: string;
  /** The event's type, as it is sent there. */
  event_type: string;
  /** The agent whose `webhook_url` it is for. */
  agent_id: string | null;
  /** The endpoint that it is for. */
  endpoint_id: string | null;
  /** Where the next attempt goes; null if that is gone. */
  url: string | null;
  /** Where it stands. */
  status: "pending" | "delivered" | "dead";
  /** How many attempts were made. */
  attempts: number;
  /** The status of the last answer; null if there was none. */
  last_response_code: number | null;
  /** When it is attempted next; null if never, or if an attempt is under way. */
  next_attempt_at: Timestamp | null;
  /** When it was owed. */
  created_at: Timestamp;
}

/** The event and its deliveries. */
export interface V1ListEventDeliveriesAnswer {
  /** The event, `evt_…`: the same on every surface. */
  event_id: string;
  /** Its canonical type. */
  event_type: string;
  /** Its position in the log. */
  position: string;
  /** When it happened. */
  occurred_at: Timestamp;
  /** Its deliveries; empty if no agent or endpoint was owed it. */
  webhooks: readonly ({ delivery_id: string; event_id: string; event_type: string; agent_id: string | null; endpoint_id: string | null; url: string | null; status: "pending" | "delivered" | "dead"; attempts: number; last_response_code: number | null; next_attempt_at: Timestamp | null; created_at: Timestamp; attempt_log: readonly ({ attempt: number; started_at: Timestamp; duration_ms: number; response_code: number | null; error: "timeout" | "dns" | "refused" | "reset" | "tls" | "address_not_allowed" | "redirect" | "closed" | null; response_body: string | null })[] })[];
  /** Its live deliveries by this process; for a management key alone. */
  subscriptions?: { sent: number; dropped: number; recent: readonly ({ surface: "events_socket" | "call_socket" | "transcript_stream" | "conversation_stream"; topic: string; subject: string; outcome: "sent" | "dropped"; reason: "buffer_full" | "not_recovered" | "closed" | null; at: Timestamp })[]; kept_since: Timestamp };
}

/** The new secret. */
export interface V1RotateSigningSecretAnswer {
  /** `rlsec_…`, which signs agents' webhooks; shown only here. */
  signing_secret: string;
  /** Until when the previous secret signs as well. */
  previous_expires_at: Timestamp;
}

/** The routes, by method and path. */
export interface V1Routes {
  /** Get the workspace. */
  "GET /v1/workspace": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: V1GetWorkspaceAnswer;
  };
  /** Change the workspace. */
  "PATCH /v1/workspace": {
    path: undefined;
    query: undefined;
    body: V1UpdateWorkspaceBody;
    answer: V1UpdateWorkspaceAnswer;
  };
  /** Delete the workspace. */
  "DELETE /v1/workspace": {
    path: undefined;
    query: V1DeleteWorkspaceQuery;
    body: undefined;
    answer: undefined;
  };
  /** Get the workspace's switch for recordings. */
  "GET /v1/workspace/recording": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: V1GetRecordingSwitchAnswer;
  };
  /** Switch recordings on or off. */
  "PATCH /v1/workspace/recording": {
    path: undefined;
    query: undefined;
    body: V1SwitchRecordingBody;
    answer: V1SwitchRecordingAnswer;
  };
  /** Create an agent. */
  "POST /v1/agents": {
    path: undefined;
    query: undefined;
    body: V1CreateAgentBody;
    answer: V1CreateAgentAnswer;
  };
  /** List agents. */
  "GET /v1/agents": {
    path: undefined;
    query: V1ListAgentsQuery;
    body: undefined;
    answer: V1ListAgentsAnswer;
  };
  /** Get an agent. */
  "GET /v1/agents/{agent_id}": {
    path: { agent_id: string };
    query: undefined;
    body: undefined;
    answer: V1GetAgentAnswer;
  };
  /** Change an agent. */
  "PATCH /v1/agents/{agent_id}": {
    path: { agent_id: string };
    query: undefined;
    body: V1UpdateAgentBody;
    answer: V1UpdateAgentAnswer;
  };
  /** Delete an agent. */
  "DELETE /v1/agents/{agent_id}": {
    path: { agent_id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
  };
  /** Share an agent, or stop sharing it. */
  "PATCH /v1/agents/{agent_id}/shareable": {
    path: { agent_id: string };
    query: undefined;
    body: V1ShareAgentBody;
    answer: V1ShareAgentAnswer;
  };
  /** Try an agent: one turn in text. */
  "POST /v1/agents/{agent_id}/playground": {
    path: { agent_id: string };
    query: undefined;
    body: V1AskAgentBody;
    answer: V1AskAgentAnswer;
  };
  /** List templates of agents. */
  "GET /v1/templates": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: V1ListTemplatesAnswer;
  };
  /** Get a template of agents. */
  "GET /v1/templates/{template_id}": {
    path: { template_id: string };
    query: undefined;
    body: undefined;
    answer: V1GetTemplateAnswer;
  };
  /** Place a call. */
  "POST /v1/calls": {
    path: undefined;
    query: undefined;
    body: V1PlaceCallBody;
    answer: V1PlaceCallAnswer;
  };
  /** End a call. */
  "DELETE /v1/calls/{call_id}": {
    path: { call_id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
  };
  /** List calls. */
  "GET /v1/calls": {
    path: undefined;
    query: V1ListCallsQuery;
    body: undefined;
    answer: V1ListCallsAnswer;
  };
  /** Get a call with its transcript. */
  "GET /v1/calls/{call_id}": {
    path: { call_id: string };
    query: undefined;
    body: undefined;
    answer: V1GetCallAnswer;
  };
  /** Get a call's transcript. */
  "GET /v1/calls/{call_id}/transcript": {
    path: { call_id: string };
    query: undefined;
    body: undefined;
    answer: V1GetCallTranscriptAnswer;
  };
  /** Put a call on hold. */
  "POST /v1/calls/{call_id}/hold": {
    path: { call_id: string };
    query: undefined;
    body: undefined;
    answer: V1HoldCallAnswer;
  };
  /** Take a call off hold. */
  "POST /v1/calls/{call_id}/resume": {
    path: { call_id: string };
    query: undefined;
    body: undefined;
    answer: V1ResumeCallAnswer;
  };
  /** Transfer a call. */
  "POST /v1/calls/{call_id}/transfer": {
    path: { call_id: string };
    query: undefined;
    body: V1TransferCallBody;
    answer: V1TransferCallAnswer;
  };
  /** Send digits to a call. */
  "POST /v1/calls/{call_id}/dtmf": {
    path: { call_id: string };
    query: undefined;
    body: V1SendDigitsBody;
    answer: V1SendDigitsAnswer;
  };
  /** Mint a token that plays recordings in a browser. */
  "POST /v1/auth/session": {
    path: undefined;
    query: undefined;
    body: V1CreatePlaybackTokenBody;
    answer: V1CreatePlaybackTokenAnswer;
  };
  /** Get a call's recording. */
  "GET /v1/calls/{call_id}/recording": {
    path: { call_id: string };
    query: undefined;
    body: undefined;
    answer: Blob;
  };
  /** Send a message. */
  "POST /v1/messages": {
    path: undefined;
    query: undefined;
    body: V1SendMessageBody;
    answer: V1SendMessageAnswer;
  };
  /** Send a WhatsApp template. */
  "POST /v1/messages/template": {
    path: undefined;
    query: undefined;
    body: V1SendTemplateBody;
    answer: V1SendTemplateAnswer;
  };
  /** List messages. */
  "GET /v1/messages": {
    path: undefined;
    query: V1ListMessagesQuery;
    body: undefined;
    answer: V1ListMessagesAnswer;
  };
  /** Get a message. */
  "GET /v1/messages/{message_id}": {
    path: { message_id: string };
    query: undefined;
    body: undefined;
    answer: V1GetMessageAnswer;
  };
  /** Let a made-up contact send a message. */
  "POST /v1/sandbox/messages": {
    path: undefined;
    query: undefined;
    body: V1ReceiveSandboxMessageBody;
    answer: V1ReceiveSandboxMessageAnswer;
  };
  /** List conversations. */
  "GET /v1/conversations": {
    path: undefined;
    query: V1ListConversationsQuery;
    body: undefined;
    answer: V1ListConversationsAnswer;
  };
  /** Get a conversation with its messages. */
  "GET /v1/conversations/{conversation_id}": {
    path: { conversation_id: string };
    query: V1GetConversationQuery;
    body: undefined;
    answer: V1GetConversationAnswer;
  };
  /** Hand a conversation over, close it or reopen it. */
  "PATCH /v1/conversations/{conversation_id}": {
    path: { conversation_id: string };
    query: V1UpdateConversationQuery;
    body: V1UpdateConversationBody;
    answer: V1UpdateConversationAnswer;
  };
  /** List who wants no more messages. */
  "GET /v1/opt-outs": {
    path: undefined;
    query: V1ListOptOutsQuery;
    body: undefined;
    answer: V1ListOptOutsAnswer;
  };
  /** Note that a contact wants no more messages of an agent. */
  "POST /v1/opt-outs": {
    path: undefined;
    query: undefined;
    body: V1AddOptOutBody;
    answer: V1AddOptOutAnswer;
  };
  /** Let an agent send a contact messages again. */
  "DELETE /v1/opt-outs/{agent_id}/{e164}": {
    path: { agent_id: string; e164: string };
    query: V1DeleteOptOutQuery;
    body: undefined;
    answer: undefined;
  };
  /** Get figures about the calls of the last days. */
  "GET /v1/analytics": {
    path: undefined;
    query: V1GetAnalyticsQuery;
    body: undefined;
    answer: V1GetAnalyticsAnswer;
  };
  /** Add a number. */
  "POST /v1/numbers": {
    path: undefined;
    query: undefined;
    body: V1CreateNumberBody;
    answer: V1CreateNumberAnswer;
  };
  /** List numbers. */
  "GET /v1/numbers": {
    path: undefined;
    query: V1ListNumbersQuery;
    body: undefined;
    answer: V1ListNumbersAnswer;
  };
  /** Change a number. */
  "PATCH /v1/numbers/{number_id}": {
    path: { number_id: string };
    query: undefined;
    body: V1UpdateNumberBody;
    answer: V1UpdateNumberAnswer;
  };
  /** Release a number. */
  "DELETE /v1/numbers/{number_id}": {
    path: { number_id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
  };
  /** Say who would answer a number. */
  "GET /v1/numbers/{number_id}/route": {
    path: { number_id: string };
    query: V1ExplainRouteQuery;
    body: undefined;
    answer: V1ExplainRouteAnswer;
  };
  /** Create a routing rule. */
  "POST /v1/routing-rules": {
    path: undefined;
    query: undefined;
    body: V1CreateRoutingRuleBody;
    answer: V1CreateRoutingRuleAnswer;
  };
  /** List routing rules. */
  "GET /v1/routing-rules": {
    path: undefined;
    query: V1ListRoutingRulesQuery;
    body: undefined;
    answer: V1ListRoutingRulesAnswer;
  };
  /** Change a routing rule. */
  "PATCH /v1/routing-rules/{rule_id}": {
    path: { rule_id: string };
    query: undefined;
    body: V1UpdateRoutingRuleBody;
    answer: V1UpdateRoutingRuleAnswer;
  };
  /** Delete a routing rule. */
  "DELETE /v1/routing-rules/{rule_id}": {
    path: { rule_id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
  };
  /** Create an API key. */
  "POST /v1/keys": {
    path: undefined;
    query: undefined;
    body: V1CreateKeyBody;
    answer: V1CreateKeyAnswer;
  };
  /** List API keys. */
  "GET /v1/keys": {
    path: undefined;
    query: V1ListKeysQuery;
    body: undefined;
    answer: V1ListKeysAnswer;
  };
  /** Rotate an API key. */
  "POST /v1/keys/{key_id}/rotate": {
    path: { key_id: string };
    query: undefined;
    body: undefined;
    answer: V1RotateKeyAnswer;
  };
  /** Revoke an API key. */
  "DELETE /v1/keys/{key_id}": {
    path: { key_id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
  };
  /** Create a webhook endpoint. */
  "POST /v1/webhook-endpoints": {
    path: undefined;
    query: undefined;
    body: V1CreateWebhookEndpointBody;
    answer: V1CreateWebhookEndpointAnswer;
  };
  /** List webhook endpoints. */
  "GET /v1/webhook-endpoints": {
    path: undefined;
    query: V1ListWebhookEndpointsQuery;
    body: undefined;
    answer: V1ListWebhookEndpointsAnswer;
  };
  /** Get a webhook endpoint. */
  "GET /v1/webhook-endpoints/{endpoint_id}": {
    path: { endpoint_id: string };
    query: undefined;
    body: undefined;
    answer: V1GetWebhookEndpointAnswer;
  };
  /** Change a webhook endpoint. */
  "PATCH /v1/webhook-endpoints/{endpoint_id}": {
    path: { endpoint_id: string };
    query: undefined;
    body: V1UpdateWebhookEndpointBody;
    answer: V1UpdateWebhookEndpointAnswer;
  };
  /** Delete a webhook endpoint. */
  "DELETE /v1/webhook-endpoints/{endpoint_id}": {
    path: { endpoint_id: string };
    query: undefined;
    body: undefined;
    answer: undefined;
  };
  /** Rotate a webhook endpoint's secret. */
  "POST /v1/webhook-endpoints/{endpoint_id}/rotate-secret": {
    path: { endpoint_id: string };
    query: undefined;
    body: undefined;
    answer: V1RotateWebhookEndpointSecretAnswer;
  };
  /** Pause a webhook endpoint. */
  "POST /v1/webhook-endpoints/{endpoint_id}/pause": {
    path: { endpoint_id: string };
    query: undefined;
    body: undefined;
    answer: V1PauseWebhookEndpointAnswer;
  };
  /** Resume a webhook endpoint. */
  "POST /v1/webhook-endpoints/{endpoint_id}/resume": {
    path: { endpoint_id: string };
    query: undefined;
    body: undefined;
    answer: V1ResumeWebhookEndpointAnswer;
  };
  /** Send a test event to a webhook endpoint. */
  "POST /v1/webhook-endpoints/{endpoint_id}/test": {
    path: { endpoint_id: string };
    query: undefined;
    body: V1TestWebhookEndpointBody;
    answer: V1TestWebhookEndpointAnswer;
  };
  /** Send a webhook endpoint again what it missed. */
  "POST /v1/webhook-endpoints/{endpoint_id}/recover": {
    path: { endpoint_id: string };
    query: undefined;
    body: V1RecoverWebhookEndpointBody;
    answer: V1RecoverWebhookEndpointAnswer;
  };
  /** Send a test event to a URL or to an agent. */
  "POST /v1/webhooks/test": {
    path: undefined;
    query: undefined;
    body: V1TestWebhookBody;
    answer: V1TestWebhookAnswer;
  };
  /** List deliveries of webhooks. */
  "GET /v1/webhooks/deliveries": {
    path: undefined;
    query: V1ListWebhookDeliveriesQuery;
    body: undefined;
    answer: V1ListWebhookDeliveriesAnswer;
  };
  /** Get a delivery with its attempts. */
  "GET /v1/webhooks/deliveries/{delivery_id}": {
    path: { delivery_id: string };
    query: undefined;
    body: undefined;
    answer: V1GetWebhookDeliveryAnswer;
  };
  /** Send a delivery again. */
  "POST /v1/webhooks/deliveries/{delivery_id}/redeliver": {
    path: { delivery_id: string };
    query: undefined;
    body: undefined;
    answer: V1RedeliverWebhookAnswer;
  };
  /** Find out where an event went. */
  "GET /v1/events/{event_id}/deliveries": {
    path: { event_id: string };
    query: undefined;
    body: undefined;
    answer: V1ListEventDeliveriesAnswer;
  };
  /** Rotate the workspace's signing secret. */
  "POST /v1/workspace/signing-secret/rotate": {
    path: undefined;
    query: undefined;
    body: undefined;
    answer: V1RotateSigningSecretAnswer;
  };
}
