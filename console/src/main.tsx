import "./parts/base.css";
import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { App } from "./App";
import { CONSOLE } from "./base";
import { queries } from "./data/queries";
import { Toasts } from "./parts/Toast";
import { followTheme } from "./parts/theme";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
followTheme();
createRoot(root).render(
  <StrictMode>
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <Router base={CONSOLE}>
          <Toasts>
            <App />
          </Toasts>
        </Router>
      </QueryClientProvider>
    </CSPProvider>
  </StrictMode>,
);
