// The page's one clock.

import { Clock } from "../live/clock";

export const clock = new Clock();
