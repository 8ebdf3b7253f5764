// A page that fails takes nothing else along: rail and bar stay, and one can go elsewhere.

import { Component, type ReactNode } from "react";
import { Button } from "../parts/Button";
import { Banner } from "../parts/Empty";

interface BoundaryProps {
  /** The address: another page begins anew. */
  path: string;
  children: ReactNode;
}

interface BoundaryState {
  failedAt: string | null;
}

export class Boundary extends Component<BoundaryProps, BoundaryState> {
  override state: BoundaryState = { failedAt: null };

  static getDerivedStateFromError(): Partial<BoundaryState> {
    return { failedAt: "" };
  }

  static getDerivedStateFromProps(
    { path }: BoundaryProps,
    { failedAt }: BoundaryState,
  ): BoundaryState {
    if (failedAt === "") return { failedAt: path };
    return { failedAt: failedAt === path ? failedAt : null };
  }

  override render() {
    if (this.state.failedAt === null) return this.props.children;
    return (
      <Banner failed>
        This page could not be shown. The server may have a newer console by now.
        <Button low onClick={() => location.reload()}>
          Reload
        </Button>
      </Banner>
    );
  }
}
