// The part of the phoenix client that is used here; the package has no types of its own.
declare module "phoenix" {
  export class Push {
    receive(status: string, callback: (response: Record<string, unknown>) => void): this;
  }
  export class Channel {
    join(timeout?: number): Push;
    leave(timeout?: number): Push;
    on(event: string, callback: (payload: never) => void): number;
    off(event: string, ref?: number): void;
    onError(callback: (reason: unknown) => void): number;
    onClose(callback: () => void): number;
    onMessage(event: string, payload: unknown, ref: unknown): unknown;
  }
  export class Socket {
    constructor(endPoint: string, options?: object);
    connect(): void;
    disconnect(callback?: () => void, code?: number, reason?: string): void;
    isConnected(): boolean;
    onOpen(callback: () => void): string;
    onClose(callback: (event: unknown) => void): string;
    onError(callback: (error: never) => void): string;
    channel(topic: string, params?: object | (() => object)): Channel;
  }
}
