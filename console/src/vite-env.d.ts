/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** The name of the build, which the server puts into every answer; unset without one. */
  readonly VITE_BUILD?: string;
}
